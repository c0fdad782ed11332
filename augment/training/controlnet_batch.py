"""Batches for the small ControlNet: crops of paired frames, and the noise that their targets show.

The noise inputs of the network say where rain streaks, stars and lit windows are. In training they must say where the
*target* has them, or the network would learn an average of all rains. They are read off the target, against the
picture of the same instant under a dry sky where the pairs have one: a streak is a thin bright thing that the dry
picture lacks, a star a bright dot in the sky, a lit window a part of a building that is brighter than by day.
Where the target has none of a kind, drawn noise is given, so that the network learns to leave it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from augment.conditions import Condition
from augment.layout import LayoutGroup, groups
from augment.seeds import derive_seed, generator
from augment.synthesizers.embedded import UNKNOWN_DEPTH_M
from augment.synthesizers.embedded_noise import CELL_PX, draw_noise
from augment.synthesizers.embedded_step import place
from augment.synthesizers.pixel_codec import CODEC_FACTOR, encode_levels
from augment.synthesizers.small_controlnet import weather_vector
from augment.training.pairs import PairedFrames

_DEPTH_UNKNOWN_SHARE = 0.1
_LIT_BY = 0.15
"""A part of a building whose level rises by so much from day to night is lit."""
_FAINTEST_STREAK, _FAINTEST_STAR = 0.035, 0.06


@dataclass(frozen=True)
class Batch:
    """Inputs of `EmbeddedStep.levels` and the pictures wanted from it; all (N, ...) tensors."""

    rgb: torch.Tensor
    groups: torch.Tensor
    depth_m: torch.Tensor
    weather: torch.Tensor
    noise: torch.Tensor
    place: torch.Tensor
    target: torch.Tensor


def make_batch(
    pairs: PairedFrames, source: Condition, size: int, crop_px: tuple[int, int], *names: str | int
) -> Batch:
    """Random crops, each of a random moment under a random target condition; every second one mirrored.

    Args:
        pairs: what to take them from.
        source: condition of the frames to start from.
        size: number of crops.
        crop_px: width and height of a crop.
        names: what the randomness belongs to: run seed, step.
    """
    rng = generator(*names)
    choices = sorted((c for c in pairs.rgb if c != source), key=lambda c: c.name)
    # Targets are dealt out like cards, so that every batch shows many of them.
    deck = np.concatenate([rng.permutation(len(choices)) for _ in range(-(-size // len(choices)))])
    return _stack([_example(pairs, source, choices[i], crop_px, rng) for i in deck[:size]])


def _example(
    pairs: PairedFrames, source: Condition, target: Condition, crop_px: tuple[int, int], rng: np.random.Generator
) -> Batch:
    height, width = pairs.seg.shape[1:]
    crop_width, crop_height = crop_px
    moment = int(rng.integers(0, len(pairs)))
    top = int(rng.integers(0, (height - crop_height) // CODEC_FACTOR + 1)) * CODEC_FACTOR
    left = int(rng.integers(0, (width - crop_width) // CODEC_FACTOR + 1)) * CODEC_FACTOR
    window = (moment, slice(top, top + crop_height), slice(left, left + crop_width))
    known = pairs.depth_m is not None and rng.random() >= _DEPTH_UNKNOWN_SHARE
    depth = pairs.depth_m[window] if known and pairs.depth_m is not None else np.full(crop_px[::-1], UNKNOWN_DEPTH_M)
    seed = derive_seed(int(rng.integers(0, 2**62)))
    drawn = draw_noise(seed, height, width, lit_windows=target.light == "night")
    kinds = torch.from_numpy(groups(pairs.seg[window]).astype(np.int64))[None]
    before, after = _picture(pairs.rgb[source][window]), _picture(pairs.rgb[target][window])
    dry_condition = Condition("cloudy", target.light)
    dry = before if dry_condition not in pairs.rgb else _picture(pairs.rgb[dry_condition][window])
    noise = torch.from_numpy(drawn[(slice(None), *window[1:])])[None]
    noise = noise_of_target(noise, kinds, before, after, dry, target)
    places = place(torch.empty(1, 1, height, width))[(slice(None), slice(None), *window[1:])]
    batch = Batch(
        before,
        kinds,
        torch.from_numpy(depth.astype(np.float32))[None],
        torch.from_numpy(weather_vector(source, target))[None],
        noise,
        places,
        after,
    )
    return _mirrored(batch) if rng.random() < 0.5 else batch


def noise_of_target(
    drawn: torch.Tensor,
    kinds: torch.Tensor,
    before: torch.Tensor,
    after: torch.Tensor,
    dry: torch.Tensor,
    target: Condition,
) -> torch.Tensor:
    """Drawn noise, with what can be seen in the target put in place of what was drawn.

    Args:
        drawn: (N, 3, H, W) of `draw_noise`.
        kinds: (N, H, W) int64 `LayoutGroup`.
        before, after, dry: (N, 3, H, W) rgb in [0, 1]: source, target, the target's light under a cloudy sky.
        target: condition of `after`.
    """
    noise = drawn.clone()
    level, dry_level = encode_levels(after).mean(1, keepdim=True), encode_levels(dry).mean(1, keepdim=True)
    if target.weather == "rain":
        streak = (_narrow(level) - _narrow(dry_level)).clamp(min=0.0)
        strongest = functional.max_pool2d(streak, 33, stride=1, padding=16)
        seen = torch.where(streak > _FAINTEST_STREAK, streak / strongest.clamp(min=_FAINTEST_STREAK), 0.0)
        # Before a grey sky rain cannot be told from it: any streak drawn there must be faint.
        noise[:, 0:1] = torch.where(strongest > _FAINTEST_STREAK, seen, drawn[:, 0:1])
    if target.light != "night":
        return noise
    if target.weather == "clear":
        dot = _small(level)
        star = torch.where(dot > _FAINTEST_STAR, dot.clamp(max=1.0), 0.0)
        noise[:, 1:2] = torch.where((kinds == LayoutGroup.SKY)[:, None], star, drawn[:, 1:2])
    # Fog brightens whole buildings, so lit windows are looked for without it.
    without_fog = dry_level if target.weather == "fog" else level
    risen = without_fog - encode_levels(before).mean(1, keepdim=True)
    building = (kinds == LayoutGroup.BUILDING)[:, None]
    lit = (building & (risen > _LIT_BY)).float()
    cells = functional.max_pool2d(lit, CELL_PX, stride=CELL_PX, ceil_mode=True)
    height, width = lit.shape[2:]
    spread = cells.repeat_interleave(CELL_PX, 2).repeat_interleave(CELL_PX, 3)
    noise[:, 2:3] = torch.where(building, spread[:, :, :height, :width], drawn[:, 2:3])
    return noise


def _narrow(level: torch.Tensor) -> torch.Tensor:
    """What is brighter than its surroundings and narrower than five pixels."""
    return level - _opened(level, 1, 5)


def _small(level: torch.Tensor) -> torch.Tensor:
    """What is brighter than its surroundings and smaller than five pixels either way."""
    return level - torch.maximum(_opened(level, 1, 5), _opened(level, 5, 1))


def _opened(level: torch.Tensor, height: int, width: int) -> torch.Tensor:
    size, padding = (height, width), (height // 2, width // 2)
    eroded = -functional.max_pool2d(-level, size, stride=1, padding=padding)
    return functional.max_pool2d(eroded, size, stride=1, padding=padding)


def _mirrored(batch: Batch) -> Batch:
    return Batch(
        batch.rgb.flip(-1),
        batch.groups.flip(-1),
        batch.depth_m.flip(-1),
        batch.weather,
        batch.noise.flip(-1),
        batch.place.flip(-1) * torch.tensor([-1.0, 1.0])[None, :, None, None],
        batch.target.flip(-1),
    )


def _stack(examples: list[Batch]) -> Batch:
    return Batch(*(torch.cat(parts) for parts in zip(*(vars(e).values() for e in examples), strict=True)))


def _picture(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float()[None] / 255.0
