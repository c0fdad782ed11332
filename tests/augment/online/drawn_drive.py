"""An environment that shows the drawn street of `conftest` as `Drive-v0` shows a town, without a simulator."""

from __future__ import annotations

import gymnasium
import numpy as np

from carla_agents.simulator.frame import Command, Control, Frame

from .conftest import CAMERA, view


class DrawnDrive(gymnasium.Env):
    """Drives 0.3 m a step from a place that the seed decides; an episode lasts `length` steps."""

    camera = CAMERA
    modalities = ("rgb", "seg", "depth_m")
    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own contract

    def __init__(self, length: int = 3, render_mode: None = None) -> None:
        self.length, self.render_mode = length, render_mode
        box = gymnasium.spaces.Box(0, 255, (CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
        self.observation_space = gymnasium.spaces.Dict({"rgb": box})
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.start_m, self.steps = float(self.np_random.uniform(0.0, 5.0)), 0
        return self._seen()

    def step(self, action):
        self.steps += 1
        observation, info = self._seen()
        return observation, 1.0, self.steps >= self.length, False, info

    def _seen(self):
        seen = view(self.start_m + 0.3 * self.steps)
        frame = Frame(
            frame_id=self.steps,
            elapsed_s=0.05 * self.steps,
            rgb=seen.rgb[0],
            seg=seen.seg[0],
            depth_m=seen.depth_m[0],
            instance=None,
            speed_mps=6.0,
            ego_to_world=seen.ego_to_world[0],
            command=Command.LANE_FOLLOW,
            target_point_in_ego_m=np.zeros(2, np.float32),
            control=Control(),
            condition="clear-day",
        )
        return {"rgb": frame.rgb}, {"frame": frame}
