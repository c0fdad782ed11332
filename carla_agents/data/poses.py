"""`PoseTable`: the drive of one route as arrays, and where the ego went next, for imitation targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carla_agents.data.store import Store


@dataclass(frozen=True)
class PoseTable:
    """One row per recorded frame of a route, in order.

    Attributes:
        keys: N frame keys.
        elapsed_s: (N,) float64 simulation seconds.
        ego_to_world: (N, 4, 4) float64.
        speed_mps: (N,) float64.
        control: (N, 3) float64 steer, throttle, brake.
        command: (N,) int64 values of `Command`.
        target_point_in_ego_m: (N, 2) float32 forward, right.
    """

    keys: tuple[str, ...]
    elapsed_s: np.ndarray
    ego_to_world: np.ndarray
    speed_mps: np.ndarray
    control: np.ndarray
    command: np.ndarray
    target_point_in_ego_m: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def future_waypoints_in_ego_m(self, spacing_s: float, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the ego was `spacing_s`, 2 `spacing_s`, ... after each frame, seen from that frame.

        Positions between recorded frames are interpolated linearly over time.

        Args:
            spacing_s: seconds between waypoints, above 0.
            count: waypoints per frame, at least 1.

        Returns:
            (N, count, 2) float32 forward and right in metres; (N, count) bool, False where the route ended before
            (such waypoints repeat the last known position).

        Raises:
            ValueError: spacing or count out of range.
        """
        if not spacing_s > 0 or count < 1:
            raise ValueError(f"spacing_s is {spacing_s} and count {count}: need above 0 and at least 1")
        if not len(self):
            return np.zeros((0, count, 2), np.float32), np.zeros((0, count), bool)
        times_s = self.elapsed_s[:, None] + spacing_s * np.arange(1, count + 1)
        position_in_world_m = self.ego_to_world[:, :3, 3]
        future_m = np.stack(
            [np.interp(times_s, self.elapsed_s, position_in_world_m[:, axis]) for axis in range(3)], -1
        )
        offset_m = future_m - position_in_world_m[:, None]
        in_ego_m = np.einsum("nji,ntj->nti", self.ego_to_world[:, :3, :3], offset_m)
        return in_ego_m[..., :2].astype(np.float32), times_s <= self.elapsed_s[-1] + 1e-6


def pose_table(store: Store, route_id: str) -> PoseTable:
    """The table of one route.

    Raises:
        ValueError: the route has no frame.
    """
    frames = store.frames(route_id=route_id)
    if not frames:
        raise ValueError(f"route {route_id!r} has no frame in {store.root}")
    return PoseTable(
        keys=tuple(f.key for f in frames),
        elapsed_s=np.array([f.elapsed_s for f in frames]),
        ego_to_world=np.stack([f.ego_to_world for f in frames]),
        speed_mps=np.array([f.speed_mps for f in frames]),
        control=np.array([(f.control.steer, f.control.throttle, f.control.brake) for f in frames]),
        command=np.array([int(f.command) for f in frames]),
        target_point_in_ego_m=np.stack([f.target_point_in_ego_m for f in frames]),
    )
