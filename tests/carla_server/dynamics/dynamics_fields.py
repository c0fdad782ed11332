"""Simple grounds and drives for the dynamics tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from carla_server.dynamics import VehicleFleet, VehicleSpec
from carla_server.roads.height_field import HeightField

MODEL3 = VehicleSpec.from_extent((2.396, 1.082, 0.744), 1845.0, "car", electric=True)
SEDAN = VehicleSpec.from_extent((2.446, 0.918, 0.745), 1800.0, "car")
TRUCK = VehicleSpec.from_extent((4.2, 1.45, 1.9), 9000.0, "truck")
MOTORCYCLE = VehicleSpec.from_extent((1.1, 0.43, 0.76), 300.0, "motorcycle")

FULL_THROTTLE = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
FULL_BRAKE = (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
COAST = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

FAR_M = 8192.0


class Plane:
    """A ground that rises by constant amounts per metre."""

    def __init__(self, rise_x: float = 0.0, rise_y: float = 0.0) -> None:
        self.rise_x, self.rise_y = rise_x, rise_y
        x, y = np.meshgrid((-FAR_M, FAR_M), (-FAR_M, FAR_M))
        self.heights = HeightField(rise_x * x + rise_y * y, -FAR_M, -FAR_M, 0.5 / FAR_M)

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return self.rise_x * x_m + self.rise_y * y_m

    def slope(self, x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(x_m, self.rise_x), np.full_like(x_m, self.rise_y)

    def tag(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.ones(len(x_m), np.uint8)

    def speed_limit_kmh(self, x_m: np.ndarray, y_m: np.ndarray, from_z_m: np.ndarray | None = None) -> np.ndarray:
        return np.full(len(x_m), 30.0, np.float32)


FLAT = Plane()


def one_vehicle(
    spec: VehicleSpec = MODEL3, speed_mps: float = 0.0, pose6: tuple[float, ...] = (0.0,) * 6
) -> VehicleFleet:
    """A fleet of one vehicle with actor id 1 that rolls along its heading."""
    fleet = VehicleFleet()
    fleet.add(1, spec, pose6)
    yaw = np.radians(pose6[4])
    fleet.set_velocity(1, (speed_mps * np.cos(yaw), speed_mps * np.sin(yaw), 0.0))
    return fleet


def drive(
    fleet: VehicleFleet, control: tuple[float, ...], duration_s: float, delta_s: float = 0.05, ground: Plane = FLAT
) -> None:
    """Hold a control for a while."""
    fleet.set_control(1, control)
    for _ in range(round(duration_s / delta_s)):
        fleet.step(delta_s, ground)


def trace(
    cases: Sequence[tuple[VehicleSpec, Callable[[float], tuple[float, ...]], float]],
    delta_s: float,
    duration_s: float,
) -> np.ndarray:
    """Drive cases (spec, control by time, initial speed) side by side; every 0.1 s (T, cases, 5).

    Columns: x, y, yaw, speed and yaw rate.
    """
    fleet = VehicleFleet()
    for row, (spec, _, speed_mps) in enumerate(cases):
        fleet.add(row, spec, (0.0,) * 6)
        fleet.set_velocity(row, (speed_mps, 0.0, 0.0))
    samples = []
    every = round(0.1 / delta_s)
    for step in range(round(duration_s / delta_s)):
        if step % round(0.05 / delta_s) == 0:
            for row, (_, control, _) in enumerate(cases):
                fleet.set_control(row, control(step * delta_s + 1e-9))
        fleet.step(delta_s, FLAT)
        if (step + 1) % every == 0:
            speed, rate = fleet.forward_speed_mps(), fleet.angular_velocity_radps[:, 2]
            samples.append(np.column_stack((fleet.position_m[:, :2], fleet.rotation_rad[:, 1], speed, rate)))
    out = np.array(samples)
    out[:, :, 2] = np.unwrap(out[:, :, 2], axis=0)
    return out
