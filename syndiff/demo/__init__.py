"""The demonstration behind `syndiff demo`."""
