from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import ContractError, check_synthesizer


class Darker:
    """Keeps the contract."""

    name = "darker-1"
    provenance: dict[str, Any] = {}  # noqa: RUF012 (one empty dict is enough for a test)

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError("one target and one seed per frame")
        return frames.rgb // 3


def broken(change: Callable[[Darker, FrameBatch, list[Condition], np.ndarray], Any]) -> Darker:
    class Broken(Darker):
        def __call__(self, frames, targets, seeds):
            Darker.__call__(self, frames, targets, seeds)
            return change(self, frames, targets, seeds)

    return Broken()


def counted(self, frames, targets, seeds):
    self.calls = getattr(self, "calls", 0) + 1
    return frames.rgb // 3 + np.uint8(self.calls % 2)


def reused(self, frames, targets, seeds):
    self.kept = getattr(self, "kept", {})
    kept = self.kept.setdefault(frames.rgb.shape, np.empty_like(frames.rgb))
    kept[:] = frames.rgb // 3
    return kept


def in_place(self, frames, targets, seeds):
    frames.rgb[:, 0] = 0
    return frames.rgb // 3


def by_position(self, frames, targets, seeds):
    return frames.rgb // 3 + np.arange(len(frames), dtype=np.uint8)[:, None, None, None]


BROKEN = {
    "returned float32": lambda s, f, t, n: (f.rgb / 3).astype(np.float32),
    "returned shape": lambda s, f, t, n: (f.rgb // 3)[:, ::2],
    "returned list": lambda s, f, t, n: list(f.rgb),
    "unchanged": lambda s, f, t, n: f.rgb.copy(),
    "memory of its input": lambda s, f, t, n: f.rgb[..., ::-1],
    "changed its input": in_place,
    "other pixels the second time": counted,
    "reuses the array": reused,
    "alone and in a batch": by_position,
}


def test_a_synthesizer_that_keeps_the_contract_passes():
    check_synthesizer(Darker(), targets=[HELD_OUT], source=DOMINANT)


@pytest.mark.parametrize("message", BROKEN)
def test_each_broken_promise_is_named(message: str):
    with pytest.raises(ContractError, match=message):
        check_synthesizer(broken(BROKEN[message]), targets=[HELD_OUT], source=DOMINANT)


def test_a_wrong_number_of_targets_must_be_refused():
    class Lenient(Darker):
        def __call__(self, frames, targets, seeds):
            return frames.rgb // 3

    with pytest.raises(ContractError, match="2 targets was accepted"):
        check_synthesizer(Lenient(), targets=[HELD_OUT], source=DOMINANT)


def test_an_unusable_name_is_refused():
    class Named(Darker):
        name = "has a space"

    with pytest.raises(ContractError, match="part of file names"):
        check_synthesizer(Named(), targets=[HELD_OUT], source=DOMINANT)
