"""True variants: pictures of recorded instants under other weather that a simulator made, not a network.

`relight` variants come from the embedded server at the instant of recording and are exact. `replay` variants come
from putting the recorded actors back, frame by frame, on any CARLA server; labels and depth were compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carla_agents.data.records import StoredFrame, StoredVariant
from carla_agents.data.store import Store

RELIGHT, REPLAY = "relight", "replay"
"""Values of a true variant's `synthesizer`."""
TRUE_SEED = 0
"""Nothing about a true variant is random; it is stored under this seed."""


def true_variant(frame: StoredFrame, condition: str) -> StoredVariant | None:
    """The stored true variant of a frame under a condition, the exact one first; None if none was made."""
    for name in (RELIGHT, REPLAY):
        variant = frame.store.variant(frame.key, condition, name, TRUE_SEED)
        if variant is not None:
            return variant
    return None


def missing_true_variants(store: Store, route_id: str, conditions: Sequence[str]) -> list[tuple[StoredFrame, str]]:
    """Frames and conditions of a route without a true variant, those that were rejected left out."""
    rejected = {(f.key, f.condition) for f in store.failures() if f.synthesizer == REPLAY}
    return [
        (frame, condition)
        for condition in conditions
        for frame in store.frames(route_id=route_id)
        if condition != frame.condition
        and true_variant(frame, condition) is None
        and (frame.key, condition) not in rejected
    ]


@dataclass(frozen=True)
class PairCounts:
    """How many true variants a store holds.

    Attributes:
        relit: exact ones.
        replayed: made by replay and kept.
        rejected: made by replay and thrown away, because labels or depth did not agree.
    """

    relit: int
    replayed: int
    rejected: int

    @property
    def rejection_rate(self) -> float:
        """Share of the replayed pictures that were rejected, in [0, 1]; 0 if there are none."""
        tried = self.replayed + self.rejected
        return self.rejected / tried if tried else 0.0

    @classmethod
    def of(cls, store: Store) -> PairCounts:
        rejected = sum(failure.synthesizer == REPLAY for failure in store.failures())
        return cls(len(store.variants(synthesizer=RELIGHT)), len(store.variants(synthesizer=REPLAY)), rejected)

    def __str__(self) -> str:
        text = f"{self.relit} relit"
        if self.replayed or self.rejected:
            rate = f"{100.0 * self.rejection_rate:.1f} %"
            text += f", {self.replayed} replayed and {self.rejected} rejected ({rate}) because labels or depth differ"
        return text
