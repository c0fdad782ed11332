"""What imitation learning needs of a store, decoded once into memory: pictures, goals, paths and speeds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from carla_agents.data.records import StoredFrame, StoredRoute
from carla_agents.data.store import Store
from carla_agents.policies.aim_network import AimConfig


@dataclass(frozen=True)
class ImitationSet:
    """N samples; recorded frames first, then variants.

    Attributes:
        rgb: (N, H, W, 3) uint8 RGB.
        target_point_in_ego_m: (N, 2) float32 forward, right.
        command: (N,) int64 `Command` values.
        path_in_ego_m: (N, P, 2) float32, points at equal distances along the route the expert followed.
        path_known: (N, P) bool, False beyond the end of the route.
        target_speed_mps: (N,) float32, the speed the expert wanted.
        condition: condition of each picture.
        synthesized: (N,) bool, True for variants.
    """

    rgb: np.ndarray
    target_point_in_ego_m: np.ndarray
    command: np.ndarray
    path_in_ego_m: np.ndarray
    path_known: np.ndarray
    target_speed_mps: np.ndarray
    condition: tuple[str, ...]
    synthesized: np.ndarray

    def __len__(self) -> int:
        return len(self.rgb)


def load_imitation_set(
    store: Store,
    network: AimConfig,
    *,
    split: str = "train",
    conditions: Collection[str] | None = None,
    synthesizers: Collection[str] | None = None,
    on_picture: Callable[[int, int], None] | None = None,
) -> ImitationSet:
    """Decode the frames of a split and their variants.

    Args:
        store: recorded drives.
        network: gives the picture size and the spacing of the path.
        split: which routes.
        conditions: take only pictures of these; None takes all.
        synthesizers: take only variants by these; None takes all, an empty collection none.
        on_picture: called with the number of decoded pictures and their total.

    Raises:
        ValueError: nothing was recorded there, the expert's intentions were not, or the pictures are of another size.
    """
    samples: list[_Sample] = []
    variants: list[_Sample] = []
    for route in store.routes():
        frames = store.frames(route_id=route.route_id, split=split)
        for frame, (path, known, speed_mps) in zip(frames, _targets(route, frames, network), strict=True):
            if conditions is None or frame.condition in conditions:
                samples.append(_Sample(frame, frame.load_rgb, frame.condition, path, known, speed_mps, False))
            variants += [
                _Sample(frame, variant.load_rgb, variant.condition, path, known, speed_mps, True)
                for variant in store.variants(frame.key)
                if (synthesizers is None or variant.synthesizer in synthesizers)
                and (conditions is None or variant.condition in conditions)
            ]
    samples += variants
    if not samples:
        raise ValueError(f"the store {store.root} has no picture of split {split!r} and conditions {conditions}")
    size_px = (network.width_px, network.height_px)
    rgb = np.empty((len(samples), network.height_px, network.width_px, 3), np.uint8)
    for number, sample in enumerate(samples):
        if sample.frame.size_px != size_px:
            raise ValueError(
                f"frame {sample.frame.key} has {sample.frame.size_px} pixels, the network is made for {size_px}; "
                "record with the network's camera or change its width_px and height_px"
            )
        rgb[number] = sample.load_rgb()
        if on_picture is not None:
            on_picture(number + 1, len(samples))
    return ImitationSet(
        rgb,
        np.stack([s.frame.target_point_in_ego_m for s in samples]).astype(np.float32),
        np.array([int(s.frame.command) for s in samples], dtype=np.int64),
        np.stack([s.path_in_ego_m for s in samples]),
        np.stack([s.path_known for s in samples]),
        np.array([s.target_speed_mps for s in samples], dtype=np.float32),
        tuple(s.condition for s in samples),
        np.array([s.synthesized for s in samples]),
    )


@dataclass(frozen=True)
class _Sample:
    frame: StoredFrame
    load_rgb: Callable[[], np.ndarray]
    condition: str
    path_in_ego_m: np.ndarray
    path_known: np.ndarray
    target_speed_mps: float
    synthesized: bool


def _targets(
    route: StoredRoute, frames: list[StoredFrame], network: AimConfig
) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Path, its known part and target speed of every frame of one route."""
    if not frames:
        return []
    try:
        way_m = np.array(route.metadata["route_in_world_m"], dtype=np.float64).reshape(-1, 3)
        return [
            (
                *path_ahead(way_m, frame.scalars["route_distance_m"], frame.ego_to_world, network),
                max(frame.scalars["target_speed_mps"], 0.0),
            )
            for frame in frames
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"route {route.route_id} does not say what the expert followed ({error}): imitation needs the metadata "
            "route_in_world_m and the scalars route_distance_m and target_speed_mps that `syndiff record` writes"
        ) from error


def path_ahead(
    route_in_world_m: np.ndarray, distance_m: float, ego_to_world: np.ndarray, network: AimConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Points at equal distances along the route that the expert follows, in the ego frame.

    The way the ego really went would show the pushes that recordings contain; the route shows the answer to them.

    Args:
        route_in_world_m: (M >= 2, 2 or 3) points of the route.
        distance_m: how far along it the ego is.
        ego_to_world: (4, 4) pose; pitch and roll are ignored.
        network: gives number and spacing of the points.

    Returns:
        Points (P, 2) float32 forward and right, metres; known (P,) bool, False beyond the end of the route, where
        its last direction is continued.
    """
    steps = np.diff(route_in_world_m, axis=0)
    along_m = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
    wanted_m = distance_m + network.path_spacing_m * np.arange(1, network.path_points + 1)
    inside = np.stack([np.interp(wanted_m, along_m, route_in_world_m[:, axis]) for axis in (0, 1)], axis=1)
    onward = steps[-1, :2] / np.linalg.norm(steps[-1, :2])
    offset = inside + np.maximum(wanted_m - along_m[-1], 0.0)[:, None] * onward - ego_to_world[:2, 3]
    forward = ego_to_world[:2, 0] / np.linalg.norm(ego_to_world[:2, 0])
    right = np.array([-forward[1], forward[0]])
    return np.stack([offset @ forward, offset @ right], axis=1).astype(np.float32), wanted_m <= along_m[-1]
