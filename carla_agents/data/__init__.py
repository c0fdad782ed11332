"""Recorded drives on disk: the crash-safe store, its provenance, the recording loop and exports."""
