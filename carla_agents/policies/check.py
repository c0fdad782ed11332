"""`check_policy`: does an object keep the `Policy` contract? Every failure names the call and the likely cause."""

from __future__ import annotations

import numpy as np

from carla_agents.policies.base import CameraSpec, Observation, Plan, Policy
from carla_agents.simulator.frame import Command


class PolicyContractError(Exception):
    """A policy broke its contract; the message says where and why."""


def check_policy(policy: Policy, *, seed: int = 0) -> None:
    """Call a policy the way the evaluation does and check what it answers.

    Args:
        policy: any object with `waypoint_spacing_s`, `camera()`, `reset(seed)` and `act(observation)`.
        seed: decides the pictures it is shown.

    Raises:
        PolicyContractError: naming the call, the value seen and the likely cause.
    """
    spacing_s = getattr(policy, "waypoint_spacing_s", None)
    if not isinstance(spacing_s, int | float) or not 0.0 < spacing_s <= 5.0:
        raise PolicyContractError(
            f"policy.waypoint_spacing_s is {spacing_s!r}; it must be a number of seconds in (0, 5], "
            "most likely the class does not set it"
        )
    camera = policy.camera()
    if not isinstance(camera, CameraSpec):
        raise PolicyContractError(f"policy.camera() returned {type(camera).__name__}; it must return a CameraSpec")
    observations = [_observation(camera, command, seed) for command in Command]
    policy.reset(seed)
    plans = [_checked_plan(policy, observation) for observation in observations]
    policy.reset(seed)
    for observation, plan in zip(observations, plans, strict=True):
        again = _checked_plan(policy, observation)
        same = np.array_equal(plan.waypoints_in_ego_m, again.waypoints_in_ego_m)
        if not same or plan.target_speed_mps != again.target_speed_mps:
            raise PolicyContractError(
                "the same observations after reset(seed) gave another plan; most likely reset() leaves state behind, "
                "or act() draws random numbers that are not derived from the seed"
            )


def _observation(camera: CameraSpec, command: Command, seed: int) -> Observation:
    rng = np.random.default_rng([seed, int(command)])
    return Observation(
        rgb=rng.integers(0, 256, (camera.height_px, camera.width_px, 3), dtype=np.uint8),
        speed_mps=float(rng.uniform(0.0, 12.0)),
        command=command,
        target_point_in_ego_m=rng.uniform((5.0, -10.0), (40.0, 10.0)).astype(np.float32),
    )


def _checked_plan(policy: Policy, observation: Observation) -> Plan:
    before = observation.rgb.copy()
    plan = policy.act(observation)
    if not isinstance(plan, Plan):
        raise PolicyContractError(f"policy.act() returned {type(plan).__name__}; it must return a Plan")
    if not np.array_equal(before, observation.rgb):
        raise PolicyContractError("policy.act() changed observation.rgb; work on a copy")
    waypoints = plan.waypoints_in_ego_m
    if not isinstance(waypoints, np.ndarray) or waypoints.dtype != np.float32:
        found = getattr(waypoints, "dtype", type(waypoints).__name__)
        raise PolicyContractError(f"plan.waypoints_in_ego_m must be a float32 array, got {found}")
    if waypoints.ndim != 2 or waypoints.shape[1] != 2 or len(waypoints) < 2:
        raise PolicyContractError(f"plan.waypoints_in_ego_m must be (T >= 2, 2), got {waypoints.shape}")
    if not np.isfinite(waypoints).all():
        raise PolicyContractError("plan.waypoints_in_ego_m holds NaN or infinity; most likely the training diverged")
    if not np.isfinite(plan.target_speed_mps) or plan.target_speed_mps < 0.0:
        raise PolicyContractError(f"plan.target_speed_mps must be finite and >= 0, got {plan.target_speed_mps}")
    return plan
