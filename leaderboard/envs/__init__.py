"""Sensors as agents see them."""
