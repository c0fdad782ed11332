"""`ClassSet`: what the numbers in a label picture mean, and how they translate into another set's.

Every set is tied to CARLA 0.9.16's tags: each of its classes becomes one tag (or is ignored), and each tag becomes
one of its classes (or is ignored). Translating between two sets goes through the tags, so N sets need N tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from carla_server.semantics import SemanticTag

IGNORED = 255
"""The id of a pixel that neither teaches nor counts, in every translated picture."""


@dataclass(frozen=True)
class SegClass:
    """One class of a set.

    Attributes:
        id: number in the label picture.
        name: as the data set spells it.
        rgb: the data set's colour.
        tag: CARLA 0.9.16 tag it becomes; None: the class is ignored.
    """

    id: int
    name: str
    rgb: tuple[int, int, int]
    tag: SemanticTag | None


@dataclass(frozen=True)
class ClassSet:
    """A table of classes, total in both directions.

    Attributes:
        name: what commands and records call it, e.g. `cityscapes`.
        classes: one row per id, ascending.
        ignored_ids: ids that label pictures may hold and that mean "no label", beyond the rows with tag None.
        of_tag: CARLA tag -> name of the class it becomes, or None (ignored); tags that are not named become the
            first class with that tag.
        source: where the table comes from.
    """

    name: str
    classes: tuple[SegClass, ...]
    ignored_ids: frozenset[int]
    of_tag: Mapping[SemanticTag, str | None]
    source: str

    def __post_init__(self) -> None:
        ids = [c.id for c in self.classes]
        names = [c.name for c in self.classes]
        if ids != sorted(set(ids)) or not ids or min(ids) < 0 or max(ids) >= IGNORED:
            raise ValueError(f"class set {self.name}: ids must ascend within 0..254, got {ids}")
        if len(set(names)) != len(names):
            raise ValueError(f"class set {self.name}: two classes share a name: {sorted(names)}")
        if set(ids) & self.ignored_ids:
            raise ValueError(f"class set {self.name}: ids {set(ids) & self.ignored_ids} are classes and ignored")
        unknown = {name for name in self.of_tag.values() if name is not None} - set(names)
        if unknown:
            raise ValueError(f"class set {self.name}: of_tag names {unknown}, which are no classes")
        missing = set(SemanticTag) - set(self.of_tag) - {c.tag for c in self.classes}
        if missing:
            raise ValueError(f"class set {self.name} says nothing about {sorted(t.name for t in missing)}")

    def id_of_tag(self, tag: SemanticTag) -> int | None:
        """The id that a CARLA 0.9.16 tag becomes, or None if the set ignores it."""
        if tag in self.of_tag:
            name = self.of_tag[tag]
            return None if name is None else next(c.id for c in self.classes if c.name == name)
        return next(c.id for c in self.classes if c.tag == tag)

    def labels(self, tag: SemanticTag) -> bool:
        """Whether pictures of this set can tell `tag` (false for lane paint in Cityscapes, for instance)."""
        return any(c.tag == tag for c in self.classes)

    def palette_rgb(self) -> np.ndarray:
        """(256, 3) uint8 RGB, indexed by id; ids that are no class are black."""
        table = np.zeros((256, 3), np.uint8)
        for c in self.classes:
            table[c.id] = c.rgb
        return table

    def unknown_ids(self, ids: np.ndarray) -> list[int]:
        """Ids in a label picture that this set does not define, ascending."""
        known = {c.id for c in self.classes} | self.ignored_ids
        return [int(v) for v in np.flatnonzero(np.bincount(ids.ravel(), minlength=256)) if int(v) not in known]


def translation(source: ClassSet, target: ClassSet) -> np.ndarray:
    """(256,) uint8: target id of each source id; 255 where either set ignores it or does not define the id."""
    table = np.full(256, IGNORED, np.uint8)
    for c in source.classes:
        wanted = None if c.tag is None else target.id_of_tag(c.tag)
        if wanted is not None:
            table[c.id] = wanted
    return table


def translate(ids: np.ndarray, source: ClassSet, target: ClassSet, what: str = "the label picture") -> np.ndarray:
    """Label picture of one set -> label picture of another.

    Args:
        ids: (..., H, W) uint8 ids of `source`.
        source, target: the sets.
        what: named in the error, e.g. the file.

    Returns:
        the same shape, uint8 ids of `target`, 255 where ignored.

    Raises:
        ValueError: ids that `source` does not define.
    """
    unknown = source.unknown_ids(ids)
    if unknown:
        raise ValueError(
            f"{what} holds ids {unknown[:8]} that {source.name} does not define (it has "
            f"{source.classes[0].id} to {source.classes[-1].id}, ignored {sorted(source.ignored_ids)}): "
            "name the class set that it was labelled with"
        )
    return translation(source, target)[ids]


def color_ids(ids: np.ndarray, classes: ClassSet) -> np.ndarray:
    """(..., H, W) uint8 ids -> (..., H, W, 3) uint8 RGB in the set's colours."""
    return classes.palette_rgb()[ids]
