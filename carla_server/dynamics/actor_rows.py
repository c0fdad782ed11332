"""A struct of arrays whose rows belong to actors: what vehicles and walkers have in common."""

from __future__ import annotations

from typing import ClassVar

import numpy as np


class ActorRows:
    """Named arrays of equal length; row i belongs to `actor_ids[i]`.

    Subclasses list their arrays in `_STATE` as (attribute, columns or 0 for one-dimensional, dtype).

    Attributes:
        actor_ids: (N,) int64 in the order in which actors were added.
    """

    _STATE: ClassVar[tuple[tuple[str, int, type | np.dtype], ...]] = ()

    actor_ids: np.ndarray

    def __init__(self) -> None:
        """Start with no rows."""
        self._row: dict[int, int] = {}
        self.actor_ids = np.zeros(0, dtype=np.int64)
        for name, width, kind in self._STATE:
            setattr(self, name, np.zeros((0, width) if width else (0,), dtype=kind))
        self._rebuild()

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, actor_id: int) -> bool:
        return actor_id in self._row

    def index_of(self, actor_id: int) -> int:
        """Row of an actor in every array.

        Raises:
            KeyError: no such actor here.
        """
        if actor_id not in self._row:
            raise KeyError(f"{type(self).__name__} has no actor with id {actor_id}")
        return self._row[actor_id]

    def _append(self, actor_id: int) -> int:
        """Add a row of zeros and return its index; the caller fills it and calls `_rebuild`."""
        if actor_id in self._row:
            raise ValueError(f"actor_id is {actor_id}; {type(self).__name__} has this actor already")
        row = len(self._row)
        self.actor_ids = np.append(self.actor_ids, actor_id)
        for name, width, kind in self._STATE:
            empty: np.ndarray = np.zeros((1, width) if width else (1,), dtype=kind)
            setattr(self, name, np.concatenate((getattr(self, name), empty)))
        self._row[actor_id] = row
        return row

    def _delete(self, actor_id: int) -> None:
        """Remove an actor's row; the others keep their order."""
        row = self.index_of(actor_id)
        self.actor_ids = np.delete(self.actor_ids, row)
        for name, _, _ in self._STATE:
            setattr(self, name, np.delete(getattr(self, name), row, axis=0))
        self._row = {int(other): index for index, other in enumerate(self.actor_ids)}
        self._rebuild()

    def _rebuild(self) -> None:
        """Refresh what is derived from the rows; called after every change of their number."""


def finite(name: str, values: object, count: int) -> np.ndarray:
    """The values as (count,) float64.

    Raises:
        ValueError: another number of values, or one that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (count,) or not np.isfinite(array).all():
        raise ValueError(f"{name} is {values!r}; it must be {count} finite numbers")
    return array
