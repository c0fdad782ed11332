"""`check_synthesizer`: runs a synthesizer against its contract and says in words what is broken, and why."""

from __future__ import annotations

import re

import numpy as np

from augment.conditions import CONDITIONS, Condition
from augment.seeds import derive_seed, generator
from augment.synthesizers.base import FrameBatch, Synthesizer
from carla_server.semantics import SemanticTag


class ContractError(Exception):
    """A synthesizer breaks its contract; the message names the call, what was seen and the likely cause."""


def check_synthesizer(
    synthesizer: Synthesizer,
    *,
    targets: list[Condition],
    source: Condition,
    size_px: tuple[int, int] = (160, 96),
) -> None:
    """Check a synthesizer on three small drawn scenes.

    Args:
        synthesizer: what to check.
        targets: conditions it claims to make; at least one.
        source: a condition it takes frames of.
        size_px: width and height it takes.

    Raises:
        ContractError: the first broken promise.
        ValueError: no targets were given.
    """
    if not targets:
        raise ValueError("targets is empty; name at least one condition that the synthesizer makes")
    _check_name(synthesizer)
    frames = drawn_scenes(3, size_px, source)
    for target in targets:
        _check_target(synthesizer, frames, target)
    _check_mixed(synthesizer, frames, targets)
    _check_refusals(synthesizer, frames, targets, source)


def drawn_scenes(count: int, size_px: tuple[int, int], source: Condition) -> FrameBatch:
    """Frames of a drawn street (road, kerb, houses, a car, a pole, sky) with consistent labels and depth."""
    width, height = size_px
    horizon = int(height * 0.45)
    rows = np.arange(height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    columns = np.arange(width, dtype=np.float32)[None] * np.ones((height, 1), np.float32)
    colours = np.zeros((256, 3), np.int16)
    colours[SemanticTag.ROADS] = 85, 85, 90
    colours[SemanticTag.ROAD_LINES] = 225, 225, 220
    colours[SemanticTag.SIDEWALKS] = 150, 148, 142
    colours[SemanticTag.BUILDINGS] = 170, 130, 100
    colours[SemanticTag.SKY] = 140, 180, 230
    colours[SemanticTag.CAR] = 170, 30, 30
    colours[SemanticTag.POLES] = 90, 90, 90
    pictures, labels, depths = [], [], []
    for index in range(count):
        depth = np.where(rows > horizon, 0.8 * height / np.maximum(rows - horizon, 0.8), 1000.0).astype(np.float32)
        seg = np.where(rows > horizon, SemanticTag.ROADS, SemanticTag.SKY).astype(np.uint8)
        offset = np.abs(columns - width / 2) / np.maximum(rows - horizon, 1.0)
        seg[(rows > horizon) & (offset > 1.3)] = SemanticTag.SIDEWALKS
        seg[(rows > horizon) & (offset < 0.06)] = SemanticTag.ROAD_LINES
        house = (rows <= horizon) & (rows > 4 + 6 * index) & (columns < width * (0.2 + 0.08 * index))
        seg[house], depth[house] = SemanticTag.BUILDINGS, 20.0
        pole = (np.abs(columns - 0.75 * width) < 1.5) & (rows > 0.15 * height) & (rows < 0.6 * height)
        seg[pole], depth[pole] = SemanticTag.POLES, 10.0
        car = (np.abs(columns - (0.56 + 0.03 * index) * width) < 9) & (np.abs(rows - horizon - 8) < 7)
        seg[car], depth[car] = SemanticTag.CAR, 9.0
        noise = generator("drawn scene", index).integers(-12, 13, (height, width, 3), dtype=np.int16)
        picture = np.clip(colours[seg] + noise, 0, 255).astype(np.uint8)
        picture[house & (np.mod(columns, 8) < 3) & (np.mod(rows, 9) < 4)] = 35
        pictures.append(picture)
        labels.append(seg)
        depths.append(depth)
    keys = tuple(f"drawn/{index:06d}" for index in range(count))
    return FrameBatch(np.stack(pictures), np.stack(labels), np.stack(depths), (source,) * count, keys)


def _check_name(synthesizer: Synthesizer) -> None:
    name = getattr(synthesizer, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name):
        raise ContractError(
            f"synthesizer.name is {name!r}; it becomes part of file names and provenance, so it must be 1 to 80 "
            "of letters, digits, '.', '_', '-'"
        )
    if not isinstance(getattr(synthesizer, "provenance", None), dict):
        raise ContractError("synthesizer.provenance must be a dict of plain values, at least an empty one")


def _check_target(synthesizer: Synthesizer, frames: FrameBatch, target: Condition) -> None:
    call = f"synthesizer(3 frames, [{target.name}] * 3, seeds)"
    given = [frames.rgb, frames.seg, *([] if frames.depth_m is None else [frames.depth_m])]
    before = [array.copy() for array in given]
    targets, seeds = [target] * len(frames), _seeds(frames, target)
    first = _called(synthesizer, frames, targets, seeds, call)
    _check_array(first, frames, call)
    kept = first.copy()
    if not all(np.array_equal(now, then) for now, then in zip(given, before)):
        raise ContractError(f"{call} changed its input; work on a copy, other variants are made of the same frames")
    if np.shares_memory(first, frames.rgb):
        raise ContractError(f"{call} returned memory of its input; return a newly allocated array")
    second = _called(synthesizer, frames, targets, seeds, call)
    if np.shares_memory(first, second) or not np.array_equal(first, kept):
        raise ContractError(f"{call} reuses the array it returned before; callers keep variants, allocate anew")
    if not np.array_equal(first, second):
        raise ContractError(
            f"{call} gave other pixels the second time ({_difference(first, second)}); derive all randomness from "
            "the seeds, keep no state between calls"
        )
    for index in range(len(frames)):
        alone = _called(synthesizer, _taken(frames, [index]), [target], seeds[index : index + 1], call)
        if not np.array_equal(alone[0], first[index]):
            raise ContractError(
                f"frame {index} for {target.name} looks different alone and in a batch of three "
                f"({_difference(alone[0], first[index])}); a variant must not depend on its neighbours: derive "
                "randomness from each frame's own seed, and run networks at a fixed batch size"
            )
    if np.array_equal(first, frames.rgb):
        raise ContractError(f"{call} returned the source pictures unchanged; it claims to make {target.name}")


def _check_mixed(synthesizer: Synthesizer, frames: FrameBatch, targets: list[Condition]) -> None:
    order = [2, 0, 1]
    mixed = [targets[i % len(targets)] for i in order]
    seeds = np.array([derive_seed("check", frames.frame_keys[i], t.name) for i, t in zip(order, mixed)], np.uint64)
    call = f"synthesizer(frames in another order, {[t.name for t in mixed]}, seeds)"
    together = _called(synthesizer, _taken(frames, order), mixed, seeds, call)
    for place, index in enumerate(order):
        alone = _called(synthesizer, _taken(frames, [index]), [mixed[place]], seeds[place : place + 1], call)
        if not np.array_equal(alone[0], together[place]):
            raise ContractError(
                f"{call}: frame {index} differs from the same frame made alone "
                f"({_difference(alone[0], together[place])}); targets and seeds belong to frames one by one"
            )


def _check_refusals(
    synthesizer: Synthesizer, frames: FrameBatch, targets: list[Condition], source: Condition
) -> None:
    short = [targets[0]] * (len(frames) - 1)
    seeds = _seeds(frames, targets[0])
    _check_refused(synthesizer, frames, short, seeds, "3 frames with 2 targets")
    _check_refused(synthesizer, frames, [targets[0]] * 3, seeds[:2], "3 frames with 2 seeds")
    tiny = drawn_scenes(1, (7, 5), source)
    _check_right_or_refused(synthesizer, tiny, targets[:1], "a frame of 7x5 px")
    for condition in CONDITIONS.values():
        if condition not in targets:
            _check_right_or_refused(synthesizer, _taken(frames, [0]), [condition], f"the target {condition.name}")


def _check_refused(
    synthesizer: Synthesizer, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray, what: str
) -> None:
    try:
        synthesizer(frames, targets, seeds)
    except ValueError:
        return
    except Exception as error:
        raise ContractError(
            f"{what} raised {type(error).__name__}: {error}; raise ValueError that says so"
        ) from error
    raise ContractError(f"{what} was accepted; raise ValueError, a wrong pairing must not pass silently")


def _check_right_or_refused(
    synthesizer: Synthesizer, frames: FrameBatch, targets: list[Condition], what: str
) -> None:
    try:
        variants = synthesizer(frames, targets, _seeds(frames, targets[0]))
    except ValueError:
        return
    except Exception as error:
        raise ContractError(
            f"{what} raised {type(error).__name__}: {error}; make a variant, or raise ValueError that names what "
            "is possible"
        ) from error
    _check_array(variants, frames, what)


def _called(
    synthesizer: Synthesizer, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray, call: str
) -> np.ndarray:
    try:
        return synthesizer(frames, targets, seeds)
    except Exception as error:
        raise ContractError(
            f"{call} raised {type(error).__name__}: {error}; these frames and targets are said to be supported"
        ) from error


def _check_array(variants: object, frames: FrameBatch, call: str) -> None:
    if not isinstance(variants, np.ndarray):
        raise ContractError(f"{call} returned {type(variants).__name__}; return a numpy array")
    if variants.shape != frames.rgb.shape:
        raise ContractError(f"{call} returned shape {variants.shape}; expected {frames.rgb.shape} (N, H, W, 3)")
    if variants.dtype != np.uint8:
        raise ContractError(f"{call} returned {variants.dtype}; expected uint8 in [0, 255]")


def _taken(frames: FrameBatch, indices: list[int]) -> FrameBatch:
    return FrameBatch(
        frames.rgb[indices],
        frames.seg[indices],
        None if frames.depth_m is None else frames.depth_m[indices],
        tuple(frames.sources[i] for i in indices),
        tuple(frames.frame_keys[i] for i in indices),
    )


def _seeds(frames: FrameBatch, target: Condition) -> np.ndarray:
    return np.array([derive_seed("check", key, target.name) for key in frames.frame_keys], np.uint64)


def _difference(a: np.ndarray, b: np.ndarray) -> str:
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    return f"{np.count_nonzero(a != b)} of {a.size} values differ"
