"""Which frames variants are made from: at random by seed, those with rare classes rather than others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from augment.audit import AuditedPicture
from augment.seeds import derive_seed

_RAREST_SHARE = 0.01
"""A class in fewer pictures weighs no more, so that one picture is not drawn for ever."""
_VEHICLES = ("car", "truck", "bus", "train", "motorcycle", "bicycle")
_BALANCED = frozenset(("traffic_light", "traffic_signs", "pedestrians", "rider", *_VEHICLES))
"""What is balanced for; roads, buildings and the like are in every picture."""


def class_weights(pictures: Sequence[AuditedPicture]) -> list[float]:
    """How much each picture is preferred: 1, plus 1 / (share of pictures with it) for each class of things in it."""
    labelled = [p for p in pictures if p.classes is not None]
    found = Counter(name for p in labelled for name in p.classes or () if name in _BALANCED)
    worth = {name: 1.0 / max(count / len(labelled), _RAREST_SHARE) for name, count in found.items()}
    return [1.0 + sum(worth.get(name, 0.0) for name in p.classes or ()) for p in pictures]


def choose_sources(
    pictures: Sequence[AuditedPicture], weights: Sequence[float], count: int, condition: str, seed: int
) -> list[tuple[int, int]]:
    """Choose frames for the variants of one condition.

    Each picture draws a number of its own by name; so the choice does not depend on the order of the pictures, and
    hardly changes when some are added. Everybody has a turn before anybody has a second one.

    Args:
        pictures: that may be used.
        weights: chance of each, relative to the others (A-Res: weighted sampling without replacement, Efraimidis and
            Spirakis 2006).
        count: variants to be made.
        condition: their target.
        seed: of the plan.

    Returns:
        (index of the picture, number of the variant among those of that picture and condition), `count` of them.

    Raises:
        ValueError: there is no picture.
    """
    if count and not pictures:
        raise ValueError(f"no picture to make {count} variants of {condition} from")
    out: list[tuple[int, int]] = []
    number = 0
    while len(out) < count:
        keys = []
        for index, (picture, weight) in enumerate(zip(pictures, weights, strict=True)):
            draw = (derive_seed(seed, picture.source, picture.key, condition, "turn", number) + 1) / (2**63 + 1)
            keys.append((math.log(draw) / weight, index))
        keys.sort(reverse=True)
        out += [(index, number) for _, index in keys[: count - len(out)]]
        number += 1
    return out
