"""What a renderer raises when its driver lets it down."""

from __future__ import annotations


class DrawingFailed(RuntimeError):
    """The OpenGL context is lost or out of memory: this renderer draws no more, a new one may. The text says why."""
