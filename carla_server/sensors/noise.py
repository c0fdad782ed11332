"""Sensor noise that depends on the sensor, its seed and the tick, never on the order of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from carla_server.world.seeds import derive_seed

if TYPE_CHECKING:
    from carla_server.world.actors import Sensor
    from carla_server.world.world import World


def read_numbers(attributes: Mapping[str, str], names: Sequence[str]) -> np.ndarray:
    """Values of numeric blueprint attributes, (len(names),) float64; 0 for absent ones."""
    return np.array([float(attributes.get(name, 0.0)) for name in names])


def gaussian(world: World, sensor: Sensor, stddev: np.ndarray) -> np.ndarray:
    """Noise of one measurement.

    Args:
        world: gives the run's seed and the tick's number in the episode (a reloaded world measures the same again).
        sensor: gives its number among the episode's actors and its `noise_seed` attribute.
        stddev: (N,) standard deviations; where all are 0 nothing is drawn.

    Returns:
        (N,) float64.
    """
    if not stddev.any():
        return np.zeros(len(stddev))
    return generator(world, sensor).normal(0.0, 1.0, len(stddev)) * stddev


def generator(world: World, sensor: Sensor) -> np.random.Generator:
    """Source of a sensor's random numbers in this tick; every call starts the same sequence."""
    noise_seed = sensor.attributes.get("noise_seed", "0")
    number = sensor.actor_id - world.first_id
    return np.random.default_rng(derive_seed(world.seed, sensor.type_id, number, noise_seed, world.ticks))
