from __future__ import annotations

import numpy as np

from augment.conditions import CONDITIONS
from augment.prompt import make_prompt
from carla_server.semantics import SemanticTag


def test_prompt_names_what_the_labels_show_and_nothing_else():
    seg = np.full((20, 20), SemanticTag.ROADS, np.uint8)
    seg[:5] = SemanticTag.BUILDINGS
    seg[10, 10:12] = SemanticTag.PEDESTRIANS
    positive = make_prompt(seg, CONDITIONS["rain-night"]).positive
    assert "buildings" in positive
    assert "pedestrians" in positive
    assert "cars" not in positive
    assert "rain" in positive
    assert "night" in positive


def test_every_condition_has_its_own_words():
    seg = np.full((4, 4), SemanticTag.ROADS, np.uint8)
    prompts = {make_prompt(seg, condition).positive for condition in CONDITIONS.values()}
    assert len(prompts) == len(CONDITIONS)
