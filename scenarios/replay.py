"""Drives the drives of a recorded sweep once more, under other conditions: same route, seed and scenario.

`python -m scenarios.replay STORE --routes FILE --conditions rain-night` On the embedded simulator both drives pass
the same places at the same ticks; the command says how far apart they are at most.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from carla_agents.data.store import Store
from scenarios.parameters import ScenarioError
from scenarios.record import SweepConfig, drive_name, parts_of_name, record_drives, sweep_routes, wanted_conditions


@dataclass(frozen=True)
class Replayed:
    """What a replay made.

    Attributes:
        drives: names of the new drives.
        apart_m: greatest distance between a new drive's frame and the recorded frame of the same tick.
        frames: how many frames were compared.
    """

    drives: tuple[str, ...]
    apart_m: float
    frames: int


def replay_sweep(store: Path, config: SweepConfig) -> Replayed:
    """Record the drives of a store once more under other conditions, into the same store.

    Raises:
        ScenarioError: the store has no drive of this route file.
    """
    specs = sweep_routes(config)
    recorded = [(route.route_id, parts_of_name(route.route_id)) for route in Store.read(store).routes()]
    sources = {(parts[0], parts[1]): name for name, parts in recorded if parts is not None and parts[0] in specs}
    if not sources:
        raise ScenarioError(f"{store} has no drive of {config.routes}: record one first with scenarios.record")
    conditions = wanted_conditions(config.conditions)
    wanted = [(specs[i], seed, condition) for i, seed in sorted(sources) for condition in conditions]
    made = record_drives(store, config, wanted)
    apart_m, frames = 0.0, 0
    again = Store.read(store)
    for spec, seed, condition in wanted:
        first = _places(again, sources[(spec.route_id, seed)])
        second = _places(again, drive_name(spec, seed, condition))
        both = sorted(set(first) & set(second))
        frames += len(both)
        apart_m = max([apart_m, *(float(np.linalg.norm(first[k] - second[k])) for k in both)])
    return Replayed(tuple(made), apart_m, frames)


def _places(store: Store, drive: str) -> dict[int, np.ndarray]:
    return {row.frame_id: np.array(row.ego_to_world)[:3, 3] for row in store.frames() if row.route_id == drive}


@dataclass(frozen=True)
class _Command:
    """Drive recorded drives once more under other conditions."""

    store: tyro.conf.Positional[Path]
    """Folder of the store."""
    sweep: tyro.conf.OmitArgPrefixes[SweepConfig]


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    command = tyro.cli(_Command, args=arguments, prog="python -m scenarios.replay")
    done = replay_sweep(command.store, command.sweep)
    print(
        f"{command.store}: {len(done.drives)} drives made now; {done.frames} frames compared with the recorded ones, "
        f"at most {done.apart_m:.3f} m apart"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
