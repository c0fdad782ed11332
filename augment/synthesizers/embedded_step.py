"""`EmbeddedStep`: the whole step of the embedded model as one graph, from a picture to a picture.

    levels of the variant = (1 + gain) levels of the source + offset + displacement + strengths x detail maps
                            + streak strength x streaks + point strength x points
                            + lit cells of buildings x (window strengths x detail maps)

Gain and offset are smooth over the picture, but each layout group has its own, so tone and haze change exactly at the
edges of the labels; the displacement and a few detail maps change from pixel to pixel, and the maps' strengths are
smooth again. Streaks, points and lit cells are the noise: what is random in rain, stars and windows is drawn outside
(`embedded_noise`), and the network, which does not see it, says how strong and of what colour it is at each place. So
one step is not an average over all rains. All of this is laid out in blocks of 2x2 pixels, a quarter of the places
with four times the channels, which costs a CPU far less than layers at the full size of the picture.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from augment.layout import GROUP_COUNT, LayoutGroup
from augment.synthesizers.pixel_codec import CODEC_FACTOR, decode_levels, encode_levels
from augment.synthesizers.small_controlnet import BLOCK_FACTOR, BLOCK_PIXELS, DETAIL_CHANNELS, SmallControlNet


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
        source = encode_levels(_blocks(rgb))
        kinds = torch.arange(GROUP_COUNT, device=groups.device)[None, :, None, None, None]
        one_hot = (_blocks(groups[:, None])[:, None] == kinds).to(rgb.dtype)
        nearness = 10.0 / (10.0 + _blocks(depth_m[:, None]).clamp(min=0.0))
        places = functional.avg_pool2d(place_of_pixels, BLOCK_FACTOR)
        hint = torch.cat([source, one_hot.flatten(1, 2), nearness, places], dim=1)
        change, fields, detail = self.network(_blocks(source), hint, weather)
        displacement = functional.pixel_shuffle(change, BLOCK_FACTOR).unflatten(1, (3, BLOCK_PIXELS))
        # Smooth enough to be the same for the pixels of a block.
        smooth = functional.interpolate(
            fields, scale_factor=float(CODEC_FACTOR // BLOCK_FACTOR), mode="bilinear", align_corners=False
        )
        of_groups, of_noise, of_detail = smooth.split((4 * GROUP_COUNT, 6, 6 * DETAIL_CHANNELS), dim=1)
        gain, offset = _of_pixels(of_groups, one_hot).split((1, 3), dim=1)
        marked, marked_windows = _of_pixels(of_detail, detail.unflatten(1, (-1, BLOCK_PIXELS))).split((3, 3), dim=1)
        streak, point = of_noise[:, :, None].split((3, 3), dim=1)
        streaks, points, cells = _blocks(noise).unflatten(1, (3, 1, BLOCK_PIXELS)).unbind(1)
        panes = cells * one_hot[:, LayoutGroup.BUILDING, None]
        before = source.unflatten(1, (3, BLOCK_PIXELS))
        after = before + gain * before + offset + displacement + marked
        after = after + streak * streaks + point * points + marked_windows * panes
        return functional.pixel_shuffle(after.flatten(1, 2), BLOCK_FACTOR)


def _blocks(pictures: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, 4 C, H/2, W/2): the pixels of 2x2 blocks as channels."""
    return functional.pixel_unshuffle(pictures, BLOCK_FACTOR)


def _of_pixels(strengths: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """(N, Q K, h, w) strengths, by Q and map, of (N, K, 4, h, w) maps -> (N, Q, 4, h, w), their sum over the maps."""
    return (strengths.unflatten(1, (-1, maps.shape[1]))[:, :, :, None] * maps[:, None]).sum(2)


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
