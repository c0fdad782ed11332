"""`RelightSynthesizer`: the simulator's own answer instead of a network's, where one was or can be asked.

The reference that every network is measured against, and true weather for training in the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from augment.conditions import Condition
from augment.synthesizers.base import FrameBatch
from carla_agents.data.store import Store
from carla_agents.data.true_variants import RELIGHT, true_variant
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.simulator.relighter import Relighter, RelitCondition

_LIVE = "live"


class TrueSource(Protocol):
    """Where true pictures come from."""

    provenance: dict[str, Any]
    """Plain values for JSON."""

    def pictures(self, frame_key: str, targets: Sequence[Condition]) -> list[np.ndarray]:
        """The instant of a frame under each condition, (H, W, 3) uint8 RGB.

        Raises:
            ValueError: this source cannot show that frame under one of the conditions.
        """


class StoredTruth:
    """True variants that `syndiff record --pairs` or `syndiff pairs` has stored.

    Args:
        store: frame keys are those of this store.
    """

    def __init__(self, store: Store) -> None:
        self.provenance: dict[str, Any] = {"source": "stored true variants"}
        self._store = store

    def pictures(self, frame_key: str, targets: Sequence[Condition]) -> list[np.ndarray]:
        """See `TrueSource`; a frame's own condition is the frame itself."""
        frame = self._store.frame(frame_key)
        out = []
        for target in targets:
            if target.name == frame.condition:
                out.append(frame.load_rgb())
                continue
            variant = true_variant(frame, target.name)
            if variant is None:
                raise ValueError(
                    f"the store {self._store.root} has no true {target.name} variant of frame {frame_key}: record "
                    f"with `--pairs {target.name}`, or make it with `syndiff pairs`"
                )
            out.append(variant.load_rgb())
        return out


class LiveTruth:
    """The embedded server, asked about the frame that its camera has just sent.

    Args:
        relighter: of the running session.
        camera_id: actor id of the rgb camera.
        size_px: its width and height.
        vehicle_ids: vehicles that have their lamps on as a careful driver would; others keep theirs.
    """

    def __init__(
        self, relighter: Relighter, camera_id: int, size_px: tuple[int, int], vehicle_ids: Sequence[int] = ()
    ) -> None:
        self.provenance: dict[str, Any] = {"source": "embedded simulator"}
        self._relighter = relighter
        self._camera_id = camera_id
        self._size_px = size_px
        self._vehicle_ids = tuple(vehicle_ids)

    def pictures(self, frame_key: str, targets: Sequence[Condition]) -> list[np.ndarray]:
        """See `TrueSource`; keys are those of `live_frame_key`.

        Raises:
            SimulatorError: the frame is no longer the last one.
        """
        source, _, digits = frame_key.partition("/")
        if source != _LIVE or not (digits.isascii() and digits.isdecimal()):
            raise ValueError(f"frame {frame_key!r} is none of the running simulator; use live_frame_key(frame_id)")
        conditions = []
        for target in targets:
            weather = target.to_weather().as_tuple()
            lamps = dict.fromkeys(self._vehicle_ids, lamps_for_weather(weather))
            conditions.append(RelitCondition(weather, lamps))
        return self._relighter.relight(self._camera_id, int(digits), conditions, self._size_px)


def live_frame_key(frame_id: int) -> str:
    """Name of the frame that a running simulator has just sent, for `FrameBatch.frame_keys`."""
    return f"{_LIVE}/{frame_id}"


class RelightSynthesizer:
    """A `Synthesizer` that asks a simulator, or looks up what one has answered.

    Args:
        source: `StoredTruth` for recorded frames, `LiveTruth` in the loop.
    """

    def __init__(self, source: TrueSource) -> None:
        self.name = RELIGHT
        self.provenance: dict[str, Any] = dict(source.provenance)
        self._source = source

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        """See `Synthesizer`; seeds change nothing, the truth has none.

        Raises:
            ValueError: as there, and where no simulator has an answer.
        """
        if len(targets) != len(frames) or len(seeds) != len(frames):
            raise ValueError(f"{len(frames)} frames came with {len(targets)} targets and {len(seeds)} seeds")
        # Frames that are asked about several times share one question.
        wanted: dict[str, list[int]] = {}
        for index, key in enumerate(frames.frame_keys):
            wanted.setdefault(key, []).append(index)
        out = np.empty_like(frames.rgb)
        for key, indices in wanted.items():
            pictures = self._source.pictures(key, [targets[index] for index in indices])
            for index, picture in zip(indices, pictures, strict=True):
                if picture.shape != out.shape[1:]:
                    raise ValueError(
                        f"frame {key} was seen with {picture.shape[1]}x{picture.shape[0]} pixels, the batch has "
                        f"{out.shape[2]}x{out.shape[1]}: the simulator shows no other size"
                    )
                out[index] = picture
        return out
