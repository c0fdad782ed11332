"""`BlankCamera`: the control experiment that shows whether a policy drives by sight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from carla_agents.policies.base import CameraSpec, Observation, Plan, Policy


class BlankCamera:
    """Another policy that is shown a uniformly grey picture and everything else unchanged.

    Args:
        policy: the policy to blindfold.
        level: grey value, 0..255.
    """

    def __init__(self, policy: Policy, level: int = 0) -> None:
        if not 0 <= level <= 255:
            raise ValueError(f"level must be in 0..255, got {level}")
        self.policy = policy
        self.level = level
        self.waypoint_spacing_s = policy.waypoint_spacing_s

    def camera(self) -> CameraSpec:
        """The blindfolded policy's camera."""
        return self.policy.camera()

    def reset(self, seed: int) -> None:
        """Reset the blindfolded policy."""
        self.policy.reset(seed)

    def act(self, observation: Observation) -> Plan:
        """What the policy plans when it sees nothing."""
        return self.policy.act(replace(observation, rgb=np.full_like(observation.rgb, self.level)))
