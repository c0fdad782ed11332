"""`EmbeddedStep`: the whole step of the embedded model as one graph, from a picture to a picture.

    levels of the variant = (1 + gain) levels of the source + offset + displacement
                            + streak strength x streaks + point strength x points + window light x lit cells

Gain and offset are smooth over the picture, but each layout group has its own, so tone and haze change exactly at the
edges of the labels; displacement and window light change from pixel to pixel, by themselves and by way of a few maps
at full size (`SmallControlNet.detail`) whose strengths are smooth again. Streaks, points and lit cells are the
noise: what is random in rain, stars and windows is drawn outside (`embedded_noise`), and the network, which does not
see it, says how strong and of what colour it is at each place. So one step is not an average over all rains.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from augment.layout import GROUP_COUNT
from augment.synthesizers.pixel_codec import CODEC_FACTOR, LATENT_CHANNELS, decode_levels, encode_levels
from augment.synthesizers.small_controlnet import DETAIL_CHANNELS, SPARE_CHANNELS, SmallControlNet


class EmbeddedStep(torch.nn.Module):
    """A small ControlNet with everything around it; `torch.onnx.export` takes it with dynamic N, H and W.

    Height and width must be multiples of `network.config.size_multiple_px`.
    """

    def __init__(self, network: SmallControlNet) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        rgb: torch.Tensor,
        groups: torch.Tensor,
        depth_m: torch.Tensor,
        weather: torch.Tensor,
        noise: torch.Tensor,
    ) -> torch.Tensor:
        """Show pictures under another condition.

        Args:
            rgb: (N, 3, H, W) float32 in [0, 1].
            groups: (N, H, W) int64 `LayoutGroup`.
            depth_m: (N, H, W) float32 metres; `UNKNOWN_DEPTH_M` everywhere in a picture whose depth is unknown.
            weather: (N, 28) float32 of `weather_vector`.
            noise: (N, NOISE_CHANNELS, H, W) float32 of `draw_noise`.

        Returns:
            (N, 3, H, W) float32 in [0, 1].
        """
        return decode_levels(self.levels(rgb, groups, depth_m, weather, noise, place(rgb)))

    def levels(
        self,
        rgb: torch.Tensor,
        groups: torch.Tensor,
        depth_m: torch.Tensor,
        weather: torch.Tensor,
        noise: torch.Tensor,
        place_of_pixels: torch.Tensor,
    ) -> torch.Tensor:
        """As `forward`, but levels before they are cut off, and with (N, 2, H, W) places given: for crops."""
        source = encode_levels(rgb)
        kinds = torch.arange(GROUP_COUNT, device=groups.device)[None, :, None, None]
        one_hot = (groups[:, None] == kinds).to(rgb.dtype)
        nearness = 10.0 / (10.0 + depth_m.clamp(min=0.0))[:, None]
        spare = torch.zeros_like(source[:, :SPARE_CHANNELS])
        hint = torch.cat([source, one_hot, nearness, place_of_pixels, spare], dim=1)
        change = self.network(functional.pixel_unshuffle(source, CODEC_FACTOR), hint, weather)
        displacement = functional.pixel_shuffle(change[:, :LATENT_CHANNELS], CODEC_FACTOR)
        window_light = functional.pixel_shuffle(change[:, LATENT_CHANNELS : 2 * LATENT_CHANNELS], CODEC_FACTOR)
        fields = functional.interpolate(
            change[:, 2 * LATENT_CHANNELS :], scale_factor=float(CODEC_FACTOR), mode="bilinear", align_corners=False
        )
        detail = self.network.detail(hint)
        sizes = (GROUP_COUNT, 3 * GROUP_COUNT, 3, 3, 3 * DETAIL_CHANNELS, 3 * DETAIL_CHANNELS)
        gains, offsets, streak, point, marked, marked_windows = fields.split(sizes, dim=1)
        gain = (gains * one_hot).sum(1, keepdim=True)
        displacement = displacement + _by_colour(offsets, one_hot) + _by_colour(marked, detail)
        window_light = window_light + _by_colour(marked_windows, detail)
        drawn = streak * noise[:, 0:1] + point * noise[:, 1:2] + window_light * noise[:, 2:3]
        return source + gain * source + displacement + drawn


def _by_colour(strengths: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """(N, 3 K, H, W) strengths of (N, K, H, W) maps -> their sum for each colour, (N, 3, H, W)."""
    return (strengths.unflatten(1, (3, maps.shape[1])) * maps[:, None]).sum(2)


def place(rgb: torch.Tensor) -> torch.Tensor:
    """(N, 2, H, W): x and y of the pixel centres of whole pictures, from -1 (left, top) to 1."""
    count, _, height, width = rgb.shape
    x = (2.0 * torch.arange(width, device=rgb.device) + 1.0) / width - 1.0
    y = (2.0 * torch.arange(height, device=rgb.device) + 1.0) / height - 1.0
    return torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)])[None].expand(
        count, 2, height, width
    )


class StepRunner(Protocol):
    """Something that runs the step: torch, ONNX Runtime, OpenVINO, TensorRT."""

    name: str
    """Short, e.g. `torch`; part of the synthesizer's name."""
    provenance: dict[str, Any]
    """Versions, device, threads: plain values for JSON."""

    def __call__(
        self, rgb: np.ndarray, groups: np.ndarray, depth_m: np.ndarray, weather: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        """`EmbeddedStep.forward` of arrays with the same shapes and types.

        Returns:
            (N, 3, H, W) float32 in [0, 1].
        """
        ...


class TorchStep:
    """Runs the step with PyTorch, in single precision.

    Args:
        step: `EmbeddedStep` or a module with its signature; put into evaluation mode.
        device: where to, e.g. `cpu` or `cuda`.
    """

    def __init__(self, step: torch.nn.Module, device: str = "cpu") -> None:
        self.name = "torch"
        self.provenance: dict[str, Any] = {
            "torch": torch.__version__,
            "device": device,
            "torch_threads": torch.get_num_threads(),
        }
        self._device = device
        self._step = step.to(device).eval()

    @torch.inference_mode()
    def __call__(
        self, rgb: np.ndarray, groups: np.ndarray, depth_m: np.ndarray, weather: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        inputs = [torch.from_numpy(np.ascontiguousarray(a)).to(self._device) for a in (rgb, groups, depth_m, weather)]
        drawn = torch.from_numpy(np.ascontiguousarray(noise)).to(self._device)
        return np.asarray(self._step(*inputs, drawn).cpu().numpy())
