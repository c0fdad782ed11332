"""`check_store`: reads a whole store as a stranger would and says in words what is wrong with it."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from carla_agents.data.errors import StoreError
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_server.semantics import SemanticTag

_SHOWN_FAULTS = 20


@dataclass(frozen=True)
class StoreSummary:
    """What a sound store holds.

    Attributes:
        routes, unfinished_routes, frames, variants, failures: counts.
        frames_of_condition: recorded frames per condition.
        variants_of_condition: variants per target condition.
        size_bytes: of all pictures.
    """

    routes: int
    unfinished_routes: int
    frames: int
    variants: int
    failures: int
    frames_of_condition: dict[str, int]
    variants_of_condition: dict[str, int]
    size_bytes: int


def check_store(root: str | os.PathLike[str], progress: Callable[[int, int], None] | None = None) -> StoreSummary:
    """Check that a store keeps its promises: every picture present, whole, decodable, of the stated size and labels.

    Args:
        root: the store's folder.
        progress: called with (frames checked, frames in all).

    Returns:
        what it holds.

    Raises:
        StoreError: lists the faults, each with its likely cause.
    """
    store = Store.read(root)
    frames = store.frames()
    faults: list[str] = []
    for number, frame in enumerate(frames):
        faults.extend(_frame_faults(frame))
        for variant in store.variants(frame.key):
            try:
                variant.load_rgb()
            except StoreError as error:
                faults.append(str(error))
        if progress is not None:
            progress(number + 1, len(frames))
    for route in store.routes():
        times_s = [f.elapsed_s for f in store.frames(route_id=route.route_id)]
        if any(later <= earlier for earlier, later in itertools.pairwise(times_s)):
            faults.append(
                f"route {route.route_id}: elapsed_s does not grow from frame to frame; the recorder must append "
                "frames in the order they were driven and restart the clock only with a new route"
            )
    faults.extend(_stray_files(store))
    if faults:
        shown = "\n  ".join(faults[:_SHOWN_FAULTS])
        more = f"\n  ... and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        raise StoreError(f"{store.root} has {len(faults)} fault(s):\n  {shown}{more}")
    files = [f for frame in frames for f in frame.files.values()] + [v.file for v in store.variants()]
    return StoreSummary(
        routes=len(store.routes()),
        unfinished_routes=sum(route.outcome is None for route in store.routes()),
        frames=len(frames),
        variants=len(store.variants()),
        failures=len(store.failures()),
        frames_of_condition=dict(Counter(f.condition for f in frames)),
        variants_of_condition=dict(Counter(v.condition for v in store.variants())),
        size_bytes=sum(f.size_bytes for f in files),
    )


def _frame_faults(view: StoredFrame) -> Iterator[str]:
    try:
        frame = view.load()
        if "scene" in view.files:
            view.load_scene()
    except StoreError as error:
        yield str(error)
        return
    if frame.seg is not None and frame.seg.max() >= len(SemanticTag):
        yield (
            f"frame {view.key}: seg holds id {frame.seg.max()}, CARLA 0.9.16 has 0 to {len(SemanticTag) - 1}; "
            "was it recorded by another CARLA version, or stored as a palette picture?"
        )
    rotation = frame.ego_to_world[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3):
        yield (
            f"frame {view.key}: ego_to_world is not a rotation and a translation; "
            "were angles given in degrees where radians are meant?"
        )
    control = frame.control
    if not (-1.0 <= control.steer <= 1.0 and 0.0 <= control.throttle <= 1.0 and 0.0 <= control.brake <= 1.0):
        yield f"frame {view.key}: control is {control}; steer is in [-1, 1], throttle and brake in [0, 1]"


def _stray_files(store: Store) -> Iterator[str]:
    """Files no index line vouches for; the unfinished route of a running or killed recorder may have one frame."""
    known = {f.name for frame in store.frames() for f in frame.files.values()}
    known |= {variant.file.name for variant in store.variants()}
    open_routes = {route.route_id for route in store.routes() if route.outcome is None}
    for folder, folders, names in os.walk(store.root / "routes"):
        folders.sort()
        for name in sorted(names):
            relative = (Path(folder) / name).relative_to(store.root)
            if str(relative) not in known and relative.parts[1] not in open_routes:
                yield f"{relative} is in no index line: copied in by hand, or left by a killed run; remove it"
