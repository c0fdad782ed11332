"""`replay_pairs`: true variants of recorded drives from any CARLA server, by replaying them under other weather.

A picture is kept only if labels and depth of the replayed instant agree with the recorded ones; what was rejected is
recorded with its figures, so that the rejection rate stands in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from carla_agents.data.drive_replay import DriveReplay
from carla_agents.data.drives import PairedCondition
from carla_agents.data.records import StoredFrame
from carla_agents.data.stop_request import StopRequest
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import REPLAY, TRUE_SEED, missing_true_variants
from carla_agents.simulator.session import Session


@dataclass(frozen=True)
class ReplayConfig:
    """When a replayed picture counts as a pair."""

    least_seg_agreement: float = 0.98
    """Share of pixels whose semantic tag must be the recorded one."""
    least_depth_agreement: float = 0.98
    """Share of pixels whose depth must be the recorded one."""
    depth_tolerance: float = 0.02
    """Relative difference up to which two depths agree; 0.1 m more are allowed."""
    ticks_per_frame: int = 1
    """Ticks before a picture is taken; more let a real CARLA's exposure and anti-aliasing settle."""

    def __post_init__(self) -> None:
        for name in ("least_seg_agreement", "least_depth_agreement", "depth_tolerance"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed 0..1")
        if self.ticks_per_frame < 1:
            raise ValueError(f"ticks_per_frame is {self.ticks_per_frame}, allowed >= 1")


@dataclass(frozen=True)
class Agreement:
    """Shares of pixels, in [0, 1], at which a replayed instant shows what was recorded."""

    seg: float
    depth: float

    @classmethod
    def of(cls, frame: StoredFrame, pictures: dict[str, np.ndarray], depth_tolerance: float) -> Agreement:
        """Compare.

        Raises:
            StoreError: the frame was recorded without labels or depth.
        """
        depth_m, seen_m = frame.load_depth_m(), pictures["depth_m"]
        near = np.abs(seen_m - depth_m) <= depth_tolerance * depth_m + 0.1
        return cls(float(np.mean(pictures["seg"] == frame.load_seg())), float(np.mean(near)))

    def complaint(self, config: ReplayConfig) -> str:
        """Why the picture is no pair; empty if it is one."""
        wanted = (
            ("labels", self.seg, config.least_seg_agreement),
            ("depth", self.depth, config.least_depth_agreement),
        )
        return "; ".join(
            f"{what} agree at {100.0 * share:.1f} % of the pixels, {100.0 * least:g} % are wanted"
            for what, share, least in wanted
            if share < least
        )


def replay_pairs(
    session: Session,
    store: StoreWriter,
    route_id: str,
    pairs: Sequence[PairedCondition],
    config: ReplayConfig,
    stop: StopRequest,
    on_frame: Callable[[int, int], None] | None = None,
) -> None:
    """Make the missing true variants of one route; called again it goes on where it was stopped.

    Args:
        session: any CARLA 0.9.16 server that has the route's map; its world is reset.
        store: that holds the route.
        route_id: recorded with scenes, labels and depth.
        pairs: conditions to show it under.
        config: when to keep a picture.
        stop: asked before every frame.
        on_frame: told (done, planned).

    Raises:
        ValueError: no such route, or it keeps no scenes.
        StoreError: it was recorded without labels or depth, or the disk is full.
        SimulatorError: the server has another map, lacks an actor, or was lost.
        Stopped: what was made is kept.
    """
    route = next((route for route in store.routes() if route.route_id == route_id), None)
    if route is None:
        raise ValueError(f"the store {store.root} has no route {route_id!r}")
    weather_of = {pair.condition: pair.weather for pair in pairs}
    missing = missing_true_variants(store, route_id, list(weather_of))
    if not missing:
        return
    shown = ""
    with DriveReplay(session, route) as replay:
        for done, (frame, condition) in enumerate(missing, start=1):
            stop.check(f"{done - 1} of {len(missing)} pictures of {route_id} are made; the same command goes on")
            weather = weather_of[condition]
            if condition != shown:
                replay.set_weather(weather)
                shown = condition
            pictures = replay.show(frame, config.ticks_per_frame)
            agreement = Agreement.of(frame, pictures, config.depth_tolerance)
            complaint = agreement.complaint(config)
            if complaint:
                store.add_failure(frame.key, condition, TRUE_SEED, REPLAY, complaint)
            else:
                provenance = {
                    "synthesizer": REPLAY,
                    "weather": list(weather),
                    "seg_agreement": round(agreement.seg, 5),
                    "depth_agreement": round(agreement.depth, 5),
                    "server": session.server_info.version,
                }
                store.add_variant(frame.key, condition, TRUE_SEED, pictures["rgb"], provenance)
            if on_frame is not None:
                on_frame(done, len(missing))
