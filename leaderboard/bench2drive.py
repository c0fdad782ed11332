"""Bench2Drive's figures as pure functions: success, abilities, efficiency and comfort.

Source: the formulas of Bench2Drive 0.0.4 (Jia et al., 2024), written anew. Two differences are stated where they
matter: our rates divide by the number of drives, not always by 220, and a drive that failed after its first junction
does not count for Traffic_Signs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leaderboard.infractions import Infraction, InfractionKind

ABILITIES: dict[str, frozenset[str]] = {
    "Overtaking": frozenset(
        {
            *("Accident", "AccidentTwoWays", "ConstructionObstacle", "ConstructionObstacleTwoWays"),
            *("HazardAtSideLane", "HazardAtSideLaneTwoWays", "ParkedObstacle", "ParkedObstacleTwoWays"),
            "VehicleOpensDoorTwoWays",
        }
    ),
    "Merging": frozenset(
        {
            *("CrossingBicycleFlow", "EnterActorFlow", "HighwayExit", "InterurbanActorFlow", "HighwayCutIn"),
            *("InterurbanAdvancedActorFlow", "MergerIntoSlowTraffic", "MergerIntoSlowTrafficV2", "ParkingExit"),
            *("NonSignalizedJunctionLeftTurn", "NonSignalizedJunctionRightTurn", "SequentialLaneChange"),
            *("NonSignalizedJunctionLeftTurnEnterFlow", "SignalizedJunctionLeftTurnEnterFlow"),
            *("SignalizedJunctionLeftTurn", "SignalizedJunctionRightTurn"),
        }
    ),
    "Emergency_Brake": frozenset(
        {
            *("BlockedIntersection", "DynamicObjectCrossing", "HardBreakRoute", "OppositeVehicleTakingPriority"),
            *("OppositeVehicleRunningRedLight", "ParkingCutIn", "PedestrianCrossing", "ParkingCrossingPedestrian"),
            *("StaticCutIn", "VehicleTurningRoute", "VehicleTurningRoutePedestrian", "ControlLoss"),
        }
    ),
    "Give_Way": frozenset({"InvadingTurn", "YieldToEmergencyVehicle"}),
    "Traffic_Signs": frozenset(
        {
            *("BlockedIntersection", "EnterActorFlow", "CrossingBicycleFlow", "NonSignalizedJunctionLeftTurn"),
            "T_Junction",
            *("NonSignalizedJunctionRightTurn", "NonSignalizedJunctionLeftTurnEnterFlow", "PedestrianCrossing"),
            *("OppositeVehicleTakingPriority", "OppositeVehicleRunningRedLight", "SignalizedJunctionLeftTurn"),
            *("SignalizedJunctionRightTurn", "SignalizedJunctionLeftTurnEnterFlow", "VanillaNonSignalizedTurn"),
            *("VanillaSignalizedTurnEncounterGreenLight", "VanillaSignalizedTurnEncounterRedLight"),
            *("VanillaNonSignalizedTurnEncounterStopsign", "VehicleTurningRoute", "VehicleTurningRoutePedestrian"),
        }
    ),
}
"""Ability -> scenario types that show it; a type may show several."""

OFFICIAL_ROUTES = 220
_PERCENT = re.compile(r"Average speed is ([-+0-9.eE]+)%")


def is_success(status: str, infractions: Iterable[Infraction]) -> bool:
    """Whether a drive was completed with no infraction other than a slow pace."""
    finished = status in ("Perfect", "Completed")
    return finished and all(infraction.kind is InfractionKind.MIN_SPEED for infraction in infractions)


def success_rate(successes: Sequence[bool], total: int) -> float:
    """Successful drives over all drives that were to be driven, in percent.

    Args:
        successes: of the drives that were driven.
        total: drives of the benchmark; Bench2Drive always takes 220.

    Raises:
        ValueError: fewer drives than results.
    """
    if total < max(len(successes), 1):
        raise ValueError(f"{len(successes)} results do not fit {total} drives")
    return 100.0 * sum(successes) / total


def ability_rates(successes: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """Successful and all drives of each ability.

    Args:
        successes: (scenario type, success) of each drive; types of no ability are left out.
    """
    rates = dict.fromkeys(ABILITIES, (0, 0))
    for type_name, success in successes:
        for ability, types in ABILITIES.items():
            if type_name in types:
                good, count = rates[ability]
                rates[ability] = (good + success, count + 1)
    return rates


def efficiency(percentages: Sequence[Sequence[float]]) -> float | None:
    """How fast the ego was in percent of the surrounding traffic: mean over drives of the mean over checkpoints.

    Args:
        percentages: of each drive, one per checkpoint; values above 1000 are left out, and drives with none.

    Returns:
        Percent, or None if no drive has a value.
    """
    means = [float(np.mean(kept)) for values in percentages if (kept := [v for v in values if v <= 1000.0])]
    return float(np.mean(means)) if means else None


def speed_percentages(messages: Iterable[str]) -> list[float]:
    """The percentages of min-speed messages, as Bench2Drive's records hold them."""
    return [float(found.group(1)) for message in messages if (found := _PERCENT.search(message))]


@dataclass(frozen=True)
class Motion:
    """How the ego moved in one drive, sampled evenly.

    Attributes:
        acceleration_in_world_mps2: (N, 3).
        forward_in_world, right_in_world: (N, 3) unit vectors.
        yaw_rate_radps: (N,).
        step_s: time between two samples.
    """

    acceleration_in_world_mps2: np.ndarray
    forward_in_world: np.ndarray
    right_in_world: np.ndarray
    yaw_rate_radps: np.ndarray
    step_s: float = 0.1

    @classmethod
    def from_metric_info(cls, info: Sequence[Mapping[str, Any]], every: int = 2, step_s: float = 0.1) -> Motion:
        """From what `AutonomousAgent.get_metric_info` gave in each tick.

        Args:
            info: one per tick; angular velocity in degrees per second.
            every: take each so manieth; 2 makes 10 Hz of 20 Hz.
            step_s: time between two taken samples.
        """
        taken = list(info)[::every]

        def rows(name: str) -> np.ndarray:
            return np.array([sample[name] for sample in taken], dtype=np.float64).reshape(-1, 3)

        yaw_rate_radps = np.radians(rows("angular_velocity")[:, 2])
        return cls(rows("acceleration"), rows("forward_vector"), rows("right_vector"), yaw_rate_radps, step_s)


WINDOW = 20
_SMOOTHING, _ORDER = 7, 2
_LON_ACCELERATION_MPS2 = (-4.05, 2.40)
_LAT_ACCELERATION_MPS2 = 4.89
_JERK_MPS3 = 8.37
_LON_JERK_MPS3 = 4.13
_YAW_RATE_RADPS = 0.95
_YAW_ACCELERATION_RADPS2 = 1.93


def comfort(motion: Motion, *, bench2drive_compatible: bool = True) -> float | None:
    """Share of windows of 20 samples in which the motion stays within all comfort bounds, in percent.

    Args:
        motion: at 10 Hz.
        bench2drive_compatible: the published code smooths the yaw rate where it means its derivative; True does the
            same, False differentiates.

    Returns:
        Percent, or None if the drive is shorter than a window.
    """
    if len(motion.yaw_rate_radps) < max(WINDOW, _SMOOTHING):
        return None
    lon = np.einsum("ij,ij->i", motion.acceleration_in_world_mps2, motion.forward_in_world)
    lat = np.einsum("ij,ij->i", motion.acceleration_in_world_mps2, motion.right_in_world)
    size = np.hypot(lon, lat)
    step_s = motion.step_s
    lon_s, lat_s = smoothed(lon), smoothed(lat)
    yaw_rate = smoothed(motion.yaw_rate_radps)
    yaw_derivative = 0 if bench2drive_compatible else 1
    fine = (
        (lon_s > _LON_ACCELERATION_MPS2[0])
        & (lon_s < _LON_ACCELERATION_MPS2[1])
        & (np.abs(lat_s) < _LAT_ACCELERATION_MPS2)
        & (np.abs(smoothed(size, 1, step_s)) < _JERK_MPS3)
        & (np.abs(smoothed(lon, 1, step_s)) < _LON_JERK_MPS3)
        & (np.abs(yaw_rate) < _YAW_RATE_RADPS)
        & (np.abs(smoothed(motion.yaw_rate_radps, yaw_derivative, step_s)) < _YAW_ACCELERATION_RADPS2)
    )
    windows = [fine[start : start + WINDOW].all() for start in range(0, len(fine) - WINDOW + 1, WINDOW)]
    return 100.0 * float(np.mean(windows))


def smoothed(values: np.ndarray, derivative: int = 0, step: float = 1.0) -> np.ndarray:
    """Savitzky-Golay filter of window 7 and order 2; at the ends the polynomial of the last whole window.

    Args:
        values: (N,) with N >= 7.
        derivative: 0 or 1.
        step: distance between two samples.

    Returns:
        (N,) float64.
    """
    half = _SMOOTHING // 2
    basis = np.vander(np.arange(-half, half + 1, dtype=np.float64), _ORDER + 1, increasing=True)
    fit = np.linalg.pinv(basis)  # window -> coefficients
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values, dtype=np.float64), _SMOOTHING)
    coefficients = windows @ fit.T
    middle = coefficients[:, derivative] * math.factorial(derivative)

    def at(row: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        if derivative == 0:
            return row[0] + row[1] * offsets + row[2] * offsets**2
        return row[1] + 2.0 * row[2] * offsets

    first = at(coefficients[0], np.arange(-half, 0, dtype=np.float64))
    last = at(coefficients[-1], np.arange(1, half + 1, dtype=np.float64))
    return np.concatenate([first, middle, last]) / step**derivative
