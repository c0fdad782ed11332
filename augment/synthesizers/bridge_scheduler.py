"""Brownian-bridge diffusion from the source picture to the target picture, as a diffusers scheduler.

Ordinary diffusion begins in pure noise and must draw every edge anew. A bridge begins in the recorded frame: a
network of few parameters, trained for minutes, only has to learn the change. With no noise and one step this is a
one-step flow from source to target, and we call it that.

    x_s = (1 - s) target + s source + sigma sqrt(s (1 - s)) noise,   s from 1 (source) to 0 (target)

The network predicts the displacement `x_s - target`. Source: Li et al., "BBDM", CVPR 2023 (arXiv 2205.07680);
Liu et al., "I2SB", ICML 2023 (arXiv 2302.05872), for the posterior of a bridge.
"""

from __future__ import annotations

import math

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin, SchedulerOutput
from diffusers.utils.torch_utils import randn_tensor

TIME_SCALE = 1000.0
"""Networks of diffusers embed timesteps of about 0..1000; s is multiplied with this."""


class BridgeScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]
    """Drop-in `scheduler` of diffusers' image-to-image pipelines at strength 1.

    Args:
        noise_level: sigma above, in latent units where pixels span [-1, 1]; 0 makes sampling deterministic.
    """

    order = 1
    init_noise_sigma = 1.0

    @register_to_config
    def __init__(self, noise_level: float = 0.0) -> None:
        if not (math.isfinite(noise_level) and 0.0 <= noise_level <= 1.0):
            raise ValueError(f"noise_level is {noise_level}; expected 0 to 1")
        self.noise_level = noise_level
        self.timesteps = torch.tensor([TIME_SCALE])

    def set_timesteps(self, num_inference_steps: int, device: torch.device | str | None = None) -> None:
        """Place `num_inference_steps` equal steps from the source (s = 1) to the target (s = 0)."""
        if num_inference_steps < 1:
            raise ValueError(f"num_inference_steps is {num_inference_steps}; expected at least 1")
        self.timesteps = torch.linspace(TIME_SCALE, 0.0, num_inference_steps + 1)[:-1].to(device or "cpu")

    def scale_model_input(self, sample: torch.Tensor, timestep: torch.Tensor | None = None) -> torch.Tensor:
        return sample

    def add_noise(self, original_samples: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """The state of a bridge at its source end: the source itself, without noise."""
        if bool((timesteps != TIME_SCALE).any()):
            raise ValueError(f"a bridge starts at the source (strength 1), not at timestep {timesteps.tolist()}")
        return original_samples

    def state_at(
        self, source: torch.Tensor, target: torch.Tensor, s: torch.Tensor, noise: torch.Tensor
    ) -> torch.Tensor:
        """x_s of the formula above, for training; s is (N,) in [0, 1]."""
        s = s.view(-1, 1, 1, 1)
        return (1 - s) * target + s * source + self.noise_level * (s * (1 - s)).sqrt() * noise

    def step(
        self,
        model_output: torch.Tensor,
        timestep: torch.Tensor | float,
        sample: torch.Tensor,
        generator: torch.Generator | list[torch.Generator] | None = None,
        return_dict: bool = True,
    ) -> SchedulerOutput | tuple[torch.Tensor]:
        """Move from s to the next s: the bridge between the predicted target and the present state."""
        s = float(timestep) / TIME_SCALE
        later = [float(t) / TIME_SCALE for t in self.timesteps if float(t) / TIME_SCALE < s - 1e-6]
        s_next = max(later, default=0.0)
        target = sample - model_output
        state = target + (s_next / s) * (sample - target)
        deviation = self.noise_level * math.sqrt(max(s_next * (s - s_next) / s, 0.0))
        if deviation > 0.0:
            state = state + deviation * randn_tensor(
                sample.shape, generator=generator, device=sample.device, dtype=sample.dtype
            )
        return SchedulerOutput(prev_sample=state) if return_dict else (state,)
