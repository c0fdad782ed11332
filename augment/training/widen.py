"""A wider small ControlNet that begins with what a narrower one has learned (Net2Net, arXiv 1511.05641).

Every channel of the wider network repeats one of the narrower. What reads the copies of a channel shares its old
weight among them, in unequal parts: equal copies would learn the same for ever.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from augment.seeds import derive_seed, generator
from augment.synthesizers.small_controlnet import ONLY_TIMESTEP, SmallControlNet


def widened(network: SmallControlNet, channels: tuple[int, ...], seed: int = 0) -> SmallControlNet:
    """A network of more channels that makes the same pictures.

    Nearly the same where the widths do not all grow by the same whole factor: channels are normalised in groups, and
    some of a group then count more than others in its mean and spread.

    Args:
        network: to begin with.
        channels: widths at 1/4, 1/8, ... of the picture; as many as it has, none smaller.
        seed: decides how copies share weights.

    Raises:
        ValueError: `channels` is no wider shape of the same depth.
    """
    old = network.config.channels
    if len(channels) != len(old) or any(new < was for new, was in zip(channels, old, strict=True)):
        raise ValueError(f"channels is {channels}; expected {len(old)} widths, none below {old}")
    torch.manual_seed(derive_seed(seed, "widen"))
    wider = SmallControlNet(replace(network.config, channels=channels))
    maps = _Maps(old, channels)
    state = network.state_dict()
    for part in ("unet", "controlnet"):
        _fold_timestep(state, getattr(network, part), part, channels[0])
    result = {}
    for name, wanted in wider.state_dict().items():
        values = state[name]
        if values.shape != wanted.shape:
            outputs, inputs = maps.of(name)
            if outputs is not None:
                values = values[torch.from_numpy(outputs)]
            if inputs is not None and values.ndim > 1:
                shares = _shares(inputs, generator(seed, "widen", name)).reshape(-1, *[1] * (values.ndim - 2))
                values = values[:, torch.from_numpy(inputs)] * torch.from_numpy(shares)
            if name.endswith("to_q.weight"):
                values = values * torch.from_numpy(_scale_of_queries(outputs))[:, None]
        result[name] = values
    wider.load_state_dict(result)
    return wider.train(network.training)


class _Maps:
    """Which old channel every channel of the wider network repeats, by the name of a weight."""

    def __init__(self, old: tuple[int, ...], new: tuple[int, ...]) -> None:
        self._levels = [_spread(was, wide) for was, wide in zip(old, new, strict=True)]
        self._old = old
        # Widths that follow from the others: of the time embedding, and of the transformer's hidden layer.
        self._time = _spread(4 * old[0], 4 * new[0])
        self._hidden = _spread(4 * old[-1], 4 * new[-1])

    def of(self, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Maps of the outputs and of the inputs of a weight; None for what does not grow."""
        name = re.sub(r"^(unet|controlnet)\.", "", name)
        last, first = len(self._old) - 1, self._levels[0]
        if match := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|downsamplers|upsamplers)\.(\d+)\.", name):
            kind, block, module, number = match[1], int(match[2]), match[3], int(match[4])
            level = block if kind == "down" else last - block
            if module != "resnets":
                return self._levels[level], self._levels[level]
            if kind == "down":
                return self._resnet(name, level, [max(level - 1, 0)])
            before = min(level + 1, last) if number == 0 else level
            return self._resnet(name, level, [before, level if number == 0 else max(level - 1, 0)])
        if name.startswith("mid_block.resnets."):
            return self._resnet(name, last, [last])
        if match := re.match(r"controlnet_down_blocks\.(\d+)\.", name):
            # The first is of the entrance; then come, level by level, the block and what leads to the next level.
            level = max(int(match[1]) - 1, 0) // 2
            return self._levels[level], self._levels[level]
        if name.startswith("time_embedding.linear_1."):
            return self._time, None
        if name.startswith("time_embedding."):
            return self._time, self._time
        if name.startswith("add_embedding."):
            return self._time, None
        if "ff.net.0" in name:
            return np.concatenate([self._hidden, self._hidden + 4 * self._old[-1]]), self._levels[last]
        if "ff.net.2" in name:
            return self._levels[last], self._hidden
        if "attn2.to_k" in name or "attn2.to_v" in name:
            return self._levels[last], None
        if name.startswith(("mid_block.", "controlnet_mid_block.")):
            return self._levels[last], self._levels[last]
        if name.startswith("conv_out."):
            return None, first
        if name.startswith(("conv_in.", "controlnet_cond_embedding.0.")):
            return first, None
        if name.startswith(("conv_norm_out.", "controlnet_cond_embedding.")):
            return first, first
        raise ValueError(f"{name} grew, and how it is to be widened is not known")

    def _resnet(self, name: str, level: int, read: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Of a residual block that reads channels of the levels `read`, one after the other."""
        outputs = self._levels[level]
        starts = np.cumsum([0, *(self._old[index] for index in read)])
        inputs = np.concatenate([self._levels[index] + start for index, start in zip(read, starts)])
        if ".norm1." in name:
            return inputs, inputs
        if ".time_emb_proj." in name:  # a scale and a shift of every channel
            return np.concatenate([outputs, outputs + self._old[level]]), self._time
        if ".conv2." in name or ".norm2." in name:
            return outputs, outputs
        return outputs, inputs


def _spread(old: int, new: int) -> np.ndarray:
    """(new,) indices below `old`; copies lie side by side: groups of channels and heads keep what they had."""
    return np.arange(new) * old // new


def _shares(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(len(inputs),) float32; those of the copies of one channel add up to 1."""
    parts = rng.uniform(0.2, 1.0, len(inputs))
    return np.asarray(parts / np.bincount(inputs, parts)[inputs], np.float32)


def _scale_of_queries(outputs: np.ndarray | None) -> np.ndarray:
    """(len(outputs),) float32: products of copied queries and keys add up to what they were.

    A head divides by the root of its width, which grew.
    """
    if outputs is None:
        raise ValueError("queries did not grow")
    copies = np.bincount(outputs)
    return np.asarray(np.sqrt(len(outputs) / len(copies)) / copies[outputs], np.float32)


def _fold_timestep(state: dict[str, torch.Tensor], part: Any, name: str, width: int) -> None:
    """The timestep is always the same, its sinusoids of another width are not: what they gave becomes the bias."""
    with torch.no_grad():
        given = part.time_embedding.linear_1(part.time_proj(torch.tensor([ONLY_TIMESTEP])))[0]
    state[f"{name}.time_embedding.linear_1.bias"] = given
    state[f"{name}.time_embedding.linear_1.weight"] = torch.zeros(len(given), width)
