"""All compiled kernels, so that a server can have them ready before its world runs."""

from __future__ import annotations

from carla_server.dynamics.vehicle_motion import move

KERNELS = (move,)


def prepare_kernels() -> None:
    """Load the kernels' machine code, or make it on the first start."""
    for kernel in KERNELS:
        kernel.prepare()
