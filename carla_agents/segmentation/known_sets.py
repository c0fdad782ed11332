"""Every class set by name, as commands take it."""

from __future__ import annotations

from carla_agents.segmentation.ade20k import ADE20K, ADE20K_ANNOTATIONS
from carla_agents.segmentation.carla_sets import CARLA_0_9_5, CARLA_0_9_13, CARLA_0_9_16, GROUPS12, NEAT
from carla_agents.segmentation.class_sets import ClassSet
from carla_agents.segmentation.street_sets import BDD100K, CITYSCAPES, CITYSCAPES_LABEL_IDS, WAYMO

CLASS_SETS: dict[str, ClassSet] = {
    s.name: s
    for s in (
        CARLA_0_9_16,
        CARLA_0_9_13,
        CARLA_0_9_5,
        NEAT,
        CITYSCAPES,
        CITYSCAPES_LABEL_IDS,
        BDD100K,
        WAYMO,
        ADE20K,
        ADE20K_ANNOTATIONS,
        GROUPS12,
    )
}


def class_set(name: str) -> ClassSet:
    """The set of that name.

    Raises:
        ValueError: unknown; lists the known names.
    """
    if name not in CLASS_SETS:
        raise ValueError(f"unknown class set {name!r}; known are {', '.join(CLASS_SETS)}")
    return CLASS_SETS[name]
