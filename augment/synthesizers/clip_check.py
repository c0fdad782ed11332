"""`check_clip_synthesizer`: runs a clip synthesizer against its contract and says what is broken, and why."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from augment.conditions import CONDITIONS, Condition
from augment.seeds import derive_seed
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import ContractError, drawn_scenes
from augment.synthesizers.clips import ClipSynthesizer
from carla_agents.policies.base import CameraSpec


def check_clip_synthesizer(
    synthesizer: ClipSynthesizer,
    *,
    targets: list[Condition],
    source: Condition,
    frames: int = 5,
    size_px: tuple[int, int] = (160, 96),
) -> None:
    """Check a clip synthesizer on a small drawn clip.

    Args:
        synthesizer: what to check.
        targets: conditions it claims to make; at least one.
        source: a condition it takes clips of.
        frames: length of the clip; at least 2.
        size_px: width and height it takes.

    Raises:
        ContractError: the first broken promise.
        ValueError: no targets, or a clip of less than two frames.
    """
    if not targets or frames < 2:
        raise ValueError(f"need at least one target and two frames, got {len(targets)} and {frames}")
    name = getattr(synthesizer, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name):
        raise ContractError(f"synthesizer.name is {name!r}; it must be 1 to 80 of letters, digits, '.', '_', '-'")
    if not isinstance(getattr(synthesizer, "provenance", None), dict):
        raise ContractError("synthesizer.provenance must be a dict of plain values, at least an empty one")
    clip = drawn_clip(frames, size_px, source)
    for target in targets:
        _check_target(synthesizer, clip, target)
    _check_right_or_refused(synthesizer, clip.select([0]), targets[0], "a clip of one frame")
    _check_right_or_refused(
        synthesizer, replace(clip, ego_to_world=None, camera=None), targets[0], "a clip without poses and camera"
    )
    _check_right_or_refused(synthesizer, replace(clip, depth_m=None), targets[0], "a clip without depth")
    _check_right_or_refused(synthesizer, drawn_clip(2, (7, 5), source), targets[0], "a clip of 7x5 px")
    for condition in CONDITIONS.values():
        if condition not in targets:
            _check_right_or_refused(synthesizer, clip, condition, f"the target {condition.name}")
    _check_refused(synthesizer, clip.select([]), targets[0], "an empty clip")
    other = next(c for c in CONDITIONS.values() if c != source)
    mixed = replace(clip, sources=(source, *(other,) * (frames - 1)))
    _check_refused(synthesizer, mixed, targets[0], f"a clip of {source.name} and {other.name}")


def drawn_clip(count: int, size_px: tuple[int, int], source: Condition) -> FrameBatch:
    """`drawn_scenes` as a clip: an ego vehicle that goes 0.5 m forward per frame, and its camera."""
    frames = drawn_scenes(count, size_px, source)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 0.5 * np.arange(count)
    return replace(frames, ego_to_world=poses, camera=CameraSpec(width_px=size_px[0], height_px=size_px[1]))


def _check_target(synthesizer: ClipSynthesizer, clip: FrameBatch, target: Condition) -> None:
    call = f"synthesizer(clip of {len(clip)}, {target.name}, seed)"
    given = [a for a in (clip.rgb, clip.seg, clip.depth_m, clip.ego_to_world) if a is not None]
    before = [array.copy() for array in given]
    seed = derive_seed("check clip", target.name)
    try:
        first = synthesizer(clip, target, seed)
        kept = np.array(first)
        second = synthesizer(clip, target, seed)
    except Exception as error:
        raise ContractError(
            f"{call} raised {type(error).__name__}: {error}; this clip and target are said to be supported"
        ) from error
    _check_array(first, clip, call)
    if any(not np.array_equal(a, b) for a, b in zip(given, before)):
        raise ContractError(f"{call} changed its input; work on a copy")
    if np.shares_memory(first, clip.rgb) or np.shares_memory(first, second):
        raise ContractError(f"{call} returned memory that it shares with its input or its last answer; return a copy")
    if not np.array_equal(kept, second):
        raise ContractError(
            f"{call} gave other pixels the second time ({np.count_nonzero(kept != second)} of {kept.size} values); "
            "take all randomness from the seed"
        )


def _check_right_or_refused(synthesizer: ClipSynthesizer, clip: FrameBatch, target: Condition, what: str) -> None:
    try:
        variants = synthesizer(clip, target, 1)
    except ValueError:
        return
    except Exception as error:
        raise ContractError(
            f"{what} raised {type(error).__name__}: {error}; make variants, or raise ValueError that names what is "
            "possible"
        ) from error
    _check_array(variants, clip, what)


def _check_refused(synthesizer: ClipSynthesizer, clip: FrameBatch, target: Condition, what: str) -> None:
    try:
        synthesizer(clip, target, 1)
    except ValueError:
        return
    except Exception as error:
        raise ContractError(
            f"{what} raised {type(error).__name__}: {error}; raise ValueError that says so"
        ) from error
    raise ContractError(f"{what} was accepted; raise ValueError (`clips.check_clip` does)")


def _check_array(variants: object, clip: FrameBatch, call: str) -> None:
    if not isinstance(variants, np.ndarray):
        raise ContractError(f"{call} returned {type(variants).__name__}; return a numpy array")
    if variants.shape != clip.rgb.shape or variants.dtype != np.uint8:
        raise ContractError(
            f"{call} returned {variants.shape} {variants.dtype}; expected {clip.rgb.shape} uint8, "
            "one variant per frame"
        )
