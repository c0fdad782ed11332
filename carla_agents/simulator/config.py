"""`SimulatorConfig`: which simulator a session is on, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SimulatorConfig:
    """Which simulator, which map, which clock."""

    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16 server; only used together with a port."""
    port: int | None = None
    """RPC port of a running server; None starts the embedded server."""
    map_name: str | None = None
    """Map to load; None keeps the running server's map, or takes the embedded server's default."""
    map_dir: str | None = None
    """Folder of further OpenDRIVE maps for the embedded server."""
    fixed_delta_s: float = 0.05
    """Simulated seconds per tick, in (0, 0.1]."""
    seed: int = 0
    """Seed of the embedded server, of the Traffic Manager and of walkers."""
    timeout_s: float = 20.0
    """How long a call may take before the server counts as lost."""
    loading_timeout_s: float = 60.0
    """How long a server may take to load its map."""
    rendering: bool = True
    """False starts the embedded server without a renderer (no camera can be spawned)."""
    style: str = "default"
    """Art style of the embedded server's colour cameras, `default` or `painted`; no shipped weight was trained on the
    latter."""
    extensions: bool = True
    """False starts the embedded server with CARLA's own procedures only, as a real CARLA would be."""

    def __post_init__(self) -> None:
        if not 0.0 < self.fixed_delta_s <= 0.1:
            raise ValueError(f"fixed_delta_s is {self.fixed_delta_s}, allowed (0, 0.1]")
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"port is {self.port}, allowed 1..65535 or None for the embedded server")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, allowed 0..2^31-1")
        if self.timeout_s <= 0 or self.loading_timeout_s <= 0:
            raise ValueError(f"timeouts must be positive, got {self.timeout_s} and {self.loading_timeout_s}")
