"""`syndiff doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Doctor:
    """Say what this machine has, what is missing, and the command that fixes it."""

    port: int = 2000
    """RPC port where a running CARLA would listen."""

    def run(self) -> int:
        from syndiff.doctor import examine, report

        return report(examine(self.port))
