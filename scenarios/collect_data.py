"""The seed project's data collection: `--host --port --frames --output-dir`, on our recorder.

`python -m scenarios.collect_data --frames 1000 --output-dir DATA` starts the embedded simulator; with `--port` a
running CARLA 0.9.16 is used. The output is a store, as `syndiff record` writes it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from augment.conditions import Condition
from carla_agents.data.drives import plan_drives
from carla_agents.data.recording import record
from carla_agents.data.recording_config import RecordingConfig
from carla_agents.data.store import Store
from carla_agents.simulator.session import SimulatorConfig


@dataclass(frozen=True)
class CollectData:
    """Let the expert drive until so many frames are recorded."""

    output_dir: Path
    """Folder of the store; an existing one is continued."""
    frames: int = 1000
    """Record at least so many frames; the last drive is finished."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    condition: str = "clear-day"
    """Weather and light."""
    vehicles: int = 10
    """Other cars."""
    seed: int = 0
    """Decides routes, traffic and steering noise."""

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, got {self.frames}")


def collect(options: CollectData) -> int:
    """Record drive after drive until there are enough frames; returns the number of frames."""
    host = "127.0.0.1" if options.host == "localhost" else options.host
    config = RecordingConfig(simulator=SimulatorConfig(host=host, port=options.port), vehicles=options.vehicles)
    weathers = {options.condition: Condition.parse(options.condition).to_weather().as_tuple()}
    drives = 0
    while True:
        drives += 1
        planned = plan_drives({options.condition: drives}, weathers, options.seed)
        record(options.output_dir, planned, config, seed=options.seed)
        count = len(Store.read(options.output_dir).frames())
        if count >= options.frames:
            return count


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    options = tyro.cli(CollectData, args=arguments, prog="python -m scenarios.collect_data")
    print(f"{options.output_dir}: {collect(options)} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
