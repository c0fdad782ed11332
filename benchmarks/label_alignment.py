"""Do labels, depth, rays and boxes agree? Random camera poses in every shipped town, among cars and people.

For each pose a semantic, an instance and a depth picture are compared with rays cast through the middles of its
pixels, and the instance picture with the boxes of the vehicles in view.

What counts as non-edge: a pixel whose 3 x 3 neighbourhood shows one tag and one instance, and lies on one surface:
over it, 1 / depth bends by less than 2 % of its value (`1 / depth` is linear over a plane). A pixel at an edge shows
one of two things by chance of a hundredth of a pixel; so does a ray. A ray agrees in tag if the tags are equal, and
in depth if both lie within 2 % + 5 cm. Beyond 200 m only tags are compared.

Goals: tags and depth agree at 99.5 % of the non-edge pixels; every vehicle's pixels lie within the projection of its
box, grown by one pixel.

    python -m benchmarks.label_alignment --poses 1000
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, field, fields

import numpy as np

from benchmarks.stopwatch import machine_line
from carla_server.render.camera import CameraView, rotation_matrix
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town
from carla_server.semantics import SemanticTag
from carla_server.towns import SHIPPED_TOWNS
from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world.blueprints import LIBRARY
from carla_server.world.world import World

VIEW = CameraView(192, 108, 90.0)
RANGE_M, DEPTH_TO_M = 950.0, 200.0
GOAL = 0.995
POSES_A_SCENE = 25


@dataclass
class Tally:
    """Counts over all poses.

    Attributes:
        pixels, same_tag: non-edge pixels, and those whose tags agree.
        near, same_depth: non-edge pixels whose depth is compared, and those that agree.
        vehicles, covered: views of vehicles, and those whose box covers all of their pixels.
        vehicle_pixels, covered_pixels: the same by pixels.
        differences: (camera's tag, ray's tag, how far) of pixels that differ in either way -> how many.
    """

    pixels: int = 0
    same_tag: int = 0
    near: int = 0
    same_depth: int = 0
    vehicles: int = 0
    covered: int = 0
    vehicle_pixels: int = 0
    covered_pixels: int = 0
    differences: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @property
    def tag_share(self) -> float:
        return self.same_tag / max(1, self.pixels)

    @property
    def depth_share(self) -> float:
        return self.same_depth / max(1, self.near)

    def add(self, other: Tally) -> None:
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def line(self) -> str:
        return (
            f"tags {self.tag_share:.4%} of {self.pixels} px, depth {self.depth_share:.4%} of {self.near} px, "
            f"boxes cover {self.covered} of {self.vehicles} vehicle views ({self.covered_pixels} of "
            f"{self.vehicle_pixels} px)"
        )


class Comparison:
    """Three cameras at one pose in a world, and the rays through their pixels."""

    def __init__(self, town_name: str, seed: int) -> None:
        self.world = World(load_town(town_name), seed=seed, open_renderer=Renderer)
        self._rng = np.random.default_rng((seed, 0xA119))
        self._places = self.world.town.spawn_points
        size = (("image_size_x", 0, str(VIEW.width_px)), ("image_size_y", 0, str(VIEW.height_px)))
        attributes = (*size, ("fov", 0, str(VIEW.fov_deg)))
        families = ("semantic_segmentation", "instance_segmentation", "depth")
        start = tuple(self._places[0].tolist())
        self._cameras = [
            self.world.spawn(ActorDescription(0, f"sensor.camera.{family}", attributes), start) for family in families
        ]
        columns, rows = np.meshgrid(np.arange(VIEW.width_px) + 0.5, np.arange(VIEW.height_px) + 0.5)
        right = (2.0 * columns / VIEW.width_px - 1.0) * VIEW.half_width
        up = (1.0 - 2.0 * rows / VIEW.height_px) * VIEW.half_height
        beams = np.stack((np.ones_like(right), right, up), axis=-1).reshape(-1, 3)
        self._length = np.linalg.norm(beams, axis=1)
        self._beams = beams / self._length[:, None]
        self._crowd: list[int] = []

    def populate(self, vehicles: int, walkers: int) -> None:
        """Other cars and people at other places; every vehicle and walker blueprint has its turn."""
        for actor_id in self._crowd:
            self.world.destroy(actor_id)
        self._crowd = []
        for family, count in (("vehicle.", vehicles), ("walker.", walkers)):
            names = sorted(name for name in LIBRARY if name.startswith(family))
            for row in self._rng.choice(len(self._places), min(count, len(self._places)), replace=False):
                x, y, z, pitch, yaw, roll = self._places[row].tolist()
                if family == "walker.":
                    aside_m = self._rng.uniform(3.0, 7.0)
                    x, y = x - aside_m * np.sin(np.radians(yaw)), y + aside_m * np.cos(np.radians(yaw))
                    ground_m = self.world.town.ground.height_m(np.array([x]), np.array([y]))
                    z, yaw = float(ground_m[0]) + 1.0, float(self._rng.uniform(-180, 180))
                name = names[int(self._rng.integers(len(names)))]
                try:
                    actor = self.world.spawn(ActorDescription(0, name, ()), (x, y, z, pitch, yaw, roll))
                except InvalidArgument:
                    continue  # somebody stands there
                self._crowd.append(actor.actor_id)
        for _ in range(20):  # cars settle on their wheels
            self.world.tick(0.05, ())

    def pose(self) -> tuple[float, ...]:
        """At, above or beside a lane, looking anywhere; not within an actor."""
        while True:
            x, y, z, _, yaw, _ = self._places[int(self._rng.integers(len(self._places)))].tolist()
            aside_m = self._rng.uniform(-4.0, 4.0)
            x, y = x - aside_m * np.sin(np.radians(yaw)), y + aside_m * np.cos(np.radians(yaw))
            pose = (
                x,
                y,
                z + self._rng.uniform(0.5, 4.0),
                self._rng.uniform(-20.0, 8.0),
                self._rng.uniform(-180, 180),
            )
            if not (self._within_scenery(pose) or any(self._stands_in(pose, actor_id) for actor_id in self._crowd)):
                return (*pose, 0.0)

    def _within_scenery(self, pose: tuple[float, ...]) -> bool:
        """Whether a house or a parked car is around it; cameras look through the back faces of both."""
        away_m = np.array([box.center_m for box in self.world.town.obstacles])[:, :2] - np.array(pose[:2])
        half_m = np.array([max(box.extent_m[:2]) for box in self.world.town.obstacles])
        for row in np.flatnonzero(np.hypot(*away_m.T) < 1.5 * half_m + 0.4):
            box = self.world.town.obstacles[row]
            turn = rotation_matrix(np.array([0.0, box.yaw_deg, 0.0]))
            local = (np.array(pose[:3]) - np.array(box.center_m)) @ turn
            if (np.abs(local) < np.array(box.extent_m) + 0.4).all():
                return True
        return False

    def _stands_in(self, pose: tuple[float, ...], actor_id: int) -> bool:
        actor = self.world.actors[actor_id]
        local = self._to_box(actor_id, np.array(pose[:3])[None])[0]
        return bool((np.abs(local) < np.array(actor.box.extent_m) + 0.4).all())

    def _to_box(self, actor_id: int, points_m: np.ndarray) -> np.ndarray:
        actor = self.world.actors[actor_id]
        pose = self.world.pose_of(actor)
        return (points_m - np.array(pose[:3])) @ rotation_matrix(np.array(pose[3:])) - np.array(actor.box.center_m)

    def compare(self, pose: tuple[float, ...]) -> Tally:
        """One pose."""
        for camera in self._cameras:
            self.world.set_pose(camera, pose)
        sent = dict(self.world.tick(0.05, {camera.stream_id for camera in self._cameras}).measurements)
        pictures = [_pixels(sent[camera.stream_id]) for camera in self._cameras]
        tag = pictures[0][..., 2]
        instance = pictures[1][..., 1] | pictures[1][..., 0].astype(np.uint16) << np.uint16(8)
        coded = pictures[2].astype(np.float64)
        depth_m = 1000.0 * (coded[..., 2] + 256.0 * coded[..., 1] + 65536.0 * coded[..., 0]) / (2.0**24 - 1.0)
        eye_m = np.array(pose[:3])
        directions = self._beams @ rotation_matrix(np.array(pose[3:])).T
        hits = self.world.sensors.rays.cast(self.world, eye_m, directions, RANGE_M)
        shape = tag.shape
        ray_tag = np.where(hits.found, hits.tag, np.uint8(SemanticTag.SKY)).reshape(shape)
        ray_depth_m = (hits.distance_m / self._length).reshape(shape)
        compared = ~edges(tag, instance, depth_m)
        near = compared & (depth_m < DEPTH_TO_M)
        with np.errstate(invalid="ignore"):
            depth_agrees = np.abs(ray_depth_m - depth_m) < 0.02 * depth_m + 0.05
        tag_agrees = ray_tag == tag
        tally = Tally(
            pixels=int(compared.sum()),
            same_tag=int((compared & tag_agrees).sum()),
            near=int(near.sum()),
            same_depth=int((near & depth_agrees).sum()),
        )
        wrong = compared & (~tag_agrees | (near & ~depth_agrees))
        for seen, met, away_m in zip(tag[wrong], ray_tag[wrong], depth_m[wrong]):
            reach = "< 30 m" if away_m < 30 else "< 100 m" if away_m < 100 else "farther"
            tally.differences[SemanticTag(seen).name, SemanticTag(met).name, reach] += 1
        self._check_boxes(tally, instance, depth_m, eye_m, directions.reshape(*shape, 3))
        return tally

    def _check_boxes(
        self, tally: Tally, instance: np.ndarray, depth_m: np.ndarray, eye_m: np.ndarray, directions: np.ndarray
    ) -> None:
        for vehicle in self.world.vehicle_actors:
            mine = instance == vehicle.actor_id & 0xFFFF
            if not mine.any():
                continue
            start = self._to_box(vehicle.actor_id, eye_m[None])[0]
            turn = rotation_matrix(np.array(self.world.pose_of(vehicle)[3:]))
            pixel_m = float(depth_m[mine].max()) / VIEW.focal_px
            covered = _meets(start, directions[mine] @ turn, np.array(vehicle.box.extent_m) + pixel_m)
            tally.vehicles += 1
            tally.covered += int(covered.all())
            tally.vehicle_pixels += len(covered)
            tally.covered_pixels += int(covered.sum())


def edges(tag: np.ndarray, instance: np.ndarray, depth_m: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels at an edge, as this script's text defines it; the picture's rim counts as edge."""
    edge = np.ones(tag.shape, bool)
    inner = np.s_[1:-1, 1:-1]
    nearness = 1.0 / np.maximum(depth_m, 0.01)
    mixed = np.zeros(tag[inner].shape, bool)
    height, width = tag.shape
    for rows in range(3):
        for columns in range(3):
            window = np.s_[rows : height - 2 + rows, columns : width - 2 + columns]
            mixed |= (tag[window] != tag[inner]) | (instance[window] != instance[inner])
    for rows, columns in ((0, 1), (1, 0), (0, 0), (0, 2)):
        one = nearness[rows : height - 2 + rows, columns : width - 2 + columns]
        other = nearness[2 - rows : height - rows, 2 - columns : width - columns]
        mixed |= np.abs(one + other - 2.0 * nearness[inner]) > 0.02 * nearness[inner]
    edge[inner] = mixed
    return edge


def _meets(start: np.ndarray, directions: np.ndarray, half_m: np.ndarray) -> np.ndarray:
    """(N,) bool: whether rays from `start` meet the box of these half sizes around the origin."""
    step = np.where(np.abs(directions) < 1e-9, 1e-9, directions)
    first, second = (-half_m - start) / step, (half_m - start) / step
    enter, leave = np.minimum(first, second).max(1), np.maximum(first, second).min(1)
    return leave >= np.maximum(enter, 0.0)


def _pixels(parts: list) -> np.ndarray:
    body = b"".join(bytes(part) for part in parts)
    size = VIEW.width_px * VIEW.height_px * 4
    return np.frombuffer(body[-size:], np.uint8).reshape(VIEW.height_px, VIEW.width_px, 4)


def measure(town_name: str, poses: int, seed: int = 1, vehicles: int = 80, walkers: int = 60) -> Tally:
    """Compare at so many random poses of one town."""
    comparison, total = Comparison(town_name, seed), Tally()
    for number in range(poses):
        if number % POSES_A_SCENE == 0:
            comparison.populate(vehicles, walkers)
        total.add(comparison.compare(comparison.pose()))
    comparison.world.sensors.begin_episode(comparison.world)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--poses", type=int, default=200, help="over all towns")
    options = parser.parse_args()
    print(machine_line())
    total = Tally()
    for town in SHIPPED_TOWNS:
        tally = measure(town.name, -(-options.poses // len(SHIPPED_TOWNS)))
        print(f"{town.name:<14}{tally.line()}", flush=True)
        total.add(tally)
    print(f"{'all':<14}{total.line()}")
    print("most frequent differences (camera, ray, distance):")
    for (seen, met, away), count in total.differences.most_common(12):
        print(f"  {count / total.pixels:.4%}  {seen} -> {met}, {away}")
    if min(total.tag_share, total.depth_share) < GOAL or total.covered < total.vehicles:
        raise SystemExit("goal missed")


if __name__ == "__main__":
    main()
