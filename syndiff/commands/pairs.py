"""`syndiff pairs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carla_agents.data.drives import PairedCondition


@dataclass(frozen=True)
class Pairs:
    """Replay recorded drives under other weather on a CARLA server, and keep the pictures that agree as pairs."""

    data: Path
    """Store whose drives keep the states of their actors (`syndiff record` writes them)."""
    conditions: tuple[str, ...] = ("core12",)
    """Conditions to show every frame under; core12 stands for all twelve."""
    host: str = "127.0.0.1"
    """Address of a running CARLA 0.9.16; used with --port."""
    port: int | None = None
    """RPC port of a running CARLA 0.9.16; without it the embedded simulator is started."""
    map_dir: Path | None = None
    """Folder of further OpenDRIVE maps for the embedded simulator."""
    split: str | None = None
    """Only drives of this split."""
    least_seg_agreement: float = 0.98
    """Share of pixels whose label must be the recorded one."""
    least_depth_agreement: float = 0.98
    """Share of pixels whose depth must be the recorded one."""
    ticks_per_frame: int = 1
    """Ticks before a picture is taken; more let a real CARLA's exposure and anti-aliasing settle."""

    def run(self) -> int:
        from carla_agents.data.pair_replay import ReplayConfig, replay_pairs
        from carla_agents.data.stop_request import StopRequest
        from carla_agents.data.store_writer import StoreWriter
        from carla_agents.data.true_variants import PairCounts
        from carla_agents.simulator.session import Session, SimulatorConfig
        from syndiff.progress import steps_bar

        pairs = paired_conditions(self.conditions)
        config = ReplayConfig(
            least_seg_agreement=self.least_seg_agreement,
            least_depth_agreement=self.least_depth_agreement,
            ticks_per_frame=self.ticks_per_frame,
        )
        map_dir = None if self.map_dir is None else str(self.map_dir)
        simulator = SimulatorConfig(host=self.host, port=self.port, map_dir=map_dir)
        with StoreWriter.open(self.data) as store:
            routes = [r for r in store.routes() if self.split in (None, r.split) and r.outcome is not None]
            if not routes:
                raise ValueError(f"{self.data} has no finished drive of split {self.split!r}: record one first")
            with Session.open(simulator) as session, StopRequest() as stop:
                for route in routes:
                    with steps_bar(f"replaying {route.route_id}", len(pairs) * route.frame_count) as show:

                        def told(done: int, missing: int, show=show) -> None:
                            show(done, f"of {missing} missing")

                        replay_pairs(session, store, route.route_id, pairs, config, stop, told)
            print(f"{self.data}: {PairCounts.of(store)}")
        return 0


def paired_conditions(names: Sequence[str]) -> tuple[PairedCondition, ...]:
    """Names of conditions, or `core12`, with their weather.

    Raises:
        ValueError: an unknown name.
    """
    from augment.conditions import CORE12, Condition
    from carla_agents.data.drives import PairedCondition

    wanted = [condition for name in names for condition in (CORE12 if name == "core12" else [Condition.parse(name)])]
    return tuple(PairedCondition(c.name, c.to_weather().as_tuple()) for c in dict.fromkeys(wanted))
