"""Paired frames out of stores: the same routes driven with the same seed under several conditions."""

from __future__ import annotations

import numpy as np

from augment.conditions import Condition
from augment.training.pairs import PairedFrames, same_scene
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store

POSE_TOLERANCE_M = 0.05
"""Two drives of one seed must be this close at the same frame; otherwise they have drifted apart."""


def load_pairs(
    stores: dict[Condition, Store], routes: dict[Condition, dict[str, str]] | None = None, most: int | None = None
) -> PairedFrames:
    """Join the frames that show the same moment under every condition.

    Args:
        stores: condition -> store that holds its drives; may be one store several times.
        routes: condition -> {name of the drive: route id in that store}; drives with the same name are paired. If
            None, routes are paired by their route id.
        most: keep at most this many moments, spread evenly.

    Returns:
        Moments at which ego pose and labels agree under all conditions.

    Raises:
        ValueError: fewer than two conditions, or no moment agrees; the message says what differs.
    """
    if len(stores) < 2:
        raise ValueError(f"pairs need at least two conditions, got {[c.name for c in stores]}")
    tables = {c: _frames_by_moment(store, c, None if routes is None else routes[c]) for c, store in stores.items()}
    common = sorted(set.intersection(*(set(table) for table in tables.values())))
    if not common:
        counts = {c.name: len(table) for c, table in tables.items()}
        raise ValueError(f"no drive and frame number occurs under every condition; frames found: {counts}")
    if most is not None and len(common) > most:
        common = [common[i] for i in np.linspace(0, len(common) - 1, most).round().astype(int)]
    rgb: dict[Condition, list[np.ndarray]] = {c: [] for c in tables}
    segs, depths = [], []
    with_depth = all("depth" in table[moment].files for table in tables.values() for moment in common)
    for moment in common:
        frames = {c: table[moment] for c, table in tables.items()}
        first = next(iter(frames.values()))
        seg = first.load_seg()
        if not all(_agree(first, seg, other) for other in frames.values()):
            continue
        segs.append(seg)
        if with_depth:
            depths.append(first.load_depth_m())
        for condition, frame in frames.items():
            rgb[condition].append(frame.load_rgb())
    if not segs:
        raise ValueError(
            f"none of {len(common)} common moments shows the same scene under {[c.name for c in stores]}; were the "
            "drives made with the same seed and route?"
        )
    return PairedFrames(
        {c: np.stack(pictures) for c, pictures in rgb.items()}, np.stack(segs), np.stack(depths) if depths else None
    )


def _frames_by_moment(
    store: Store, condition: Condition, routes: dict[str, str] | None
) -> dict[tuple[str, int], StoredFrame]:
    drive_of_route = None if routes is None else {route_id: drive for drive, route_id in routes.items()}
    return {
        (frame.route_id if drive_of_route is None else drive_of_route[frame.route_id], frame.ordinal): frame
        for frame in store.frames(condition=condition.name)
        if drive_of_route is None or frame.route_id in drive_of_route
    }


def _agree(first: StoredFrame, seg: np.ndarray, other: StoredFrame) -> bool:
    if other is first:
        return True
    apart_m = np.abs(first.ego_to_world[:3, 3] - other.ego_to_world[:3, 3]).max()
    return bool(apart_m <= POSE_TOLERANCE_M) and same_scene(seg, other.load_seg())
