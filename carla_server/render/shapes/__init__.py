"""Procedural geometry: every mesh the renderer draws besides the town's own surface."""
