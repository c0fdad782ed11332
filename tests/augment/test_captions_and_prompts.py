from __future__ import annotations

import numpy as np
import pytest

from augment.caption import Caption, describe_labels, keep_scene_parts, speaks_of_weather
from augment.conditions import CONDITIONS
from augment.prompt import PromptStyle, compose_prompt, condition_words, make_prompt
from carla_server.semantics import SemanticTag


def street() -> np.ndarray:
    """Buildings above, a road with a sidewalk on the right."""
    seg = np.full((60, 90), SemanticTag.ROADS, np.uint8)
    seg[:20] = SemanticTag.BUILDINGS
    seg[20:, 70:] = SemanticTag.SIDEWALKS
    return seg


def test_caption_counts_things_and_says_where_they_are():
    seg = street()
    seg[25:35, 10:20] = SemanticTag.CAR
    seg[25:35, 35:42] = SemanticTag.CAR
    seg[25:35, 48:55] = SemanticTag.CAR
    seg[25:40, 75:78] = SemanticTag.PEDESTRIANS
    parts = describe_labels(seg).parts
    assert parts == (
        "a pedestrian on the right sidewalk",
        "two cars ahead",
        "a car on the left",
        "buildings on both sides",
    )


def test_what_is_far_away_is_said_to_be_where_depth_tells_it():
    seg = street()
    seg[25:28, 44:47] = SemanticTag.CAR
    depth_m = np.full(seg.shape, 10.0, np.float32)
    assert "a car ahead" in describe_labels(seg, depth_m).parts
    depth_m[25:28, 44:47] = 80.0
    assert "a car far ahead" in describe_labels(seg, depth_m).parts


def test_specks_are_not_named_and_an_empty_picture_has_an_empty_caption():
    seg = np.full((100, 100), SemanticTag.ROADS, np.uint8)
    seg[3, 3] = SemanticTag.CAR
    assert describe_labels(seg).parts == ()
    assert "street" in make_prompt(seg, CONDITIONS["fog-day"]).positive


def test_no_caption_of_labels_speaks_of_weather():
    seg = np.repeat(np.arange(29, dtype=np.uint8), 30)[None].repeat(60, axis=0)
    caption = describe_labels(seg)
    assert len(caption.parts) > 5
    assert not any(speaks_of_weather(part) for part in caption.parts)


@pytest.mark.parametrize(
    "text",
    [
        "it is raining",
        "a sunny street",
        "cloudy",
        "late at night",
        "the wet road",
        "a foggy morning",
        "Dimly lit houses",
    ],
)
def test_weather_light_and_time_of_day_are_recognised(text: str):
    assert speaks_of_weather(text)


@pytest.mark.parametrize(
    "text", ["two cars ahead", "a traffic light", "a street light", "a lightweight van", "a daybed"]
)
def test_words_that_only_look_like_weather_are_let_through(text: str):
    assert not speaks_of_weather(text)


def test_a_models_caption_is_sifted_part_by_part_and_keeps_what_it_lost():
    caption = keep_scene_parts(
        "The image shows a busy street on a sunny day, with two cars ahead and a traffic light. The sky is clear; "
        "a pedestrian crosses the road. Two cars ahead!",
        "model",
    )
    assert caption.parts == ("two cars ahead", "a traffic light", "a pedestrian crosses the road", "Two cars ahead")
    assert caption.dropped == ("The image shows a busy street on a sunny day", "The sky is clear")


def test_a_prompt_is_put_together_from_scene_condition_and_style():
    caption = Caption(("a clear plastic bag", "a cafe named Night Rain"), "somebody")
    style = PromptStyle("photo", "film grain", "cartoon")
    prompts = {name: compose_prompt(caption, target, style) for name, target in CONDITIONS.items()}
    assert len({p.positive for p in prompts.values()}) == len(CONDITIONS)
    for name, prompt in prompts.items():
        assert caption.text in prompt.positive, "words of the scene are never replaced"
        assert condition_words(CONDITIONS[name]) in prompt.positive
        assert prompt.positive.startswith("photo, ")
        assert prompt.positive.endswith(", film grain")
        assert prompt.negative.startswith("cartoon")
    assert "daylight" in prompts["rain-night"].negative
