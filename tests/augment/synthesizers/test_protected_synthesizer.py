from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from augment.conditions import DOMINANT, Condition
from augment.lamps import lamp_colours
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.synthesizers.protected import ProtectedSynthesizer, ProtectionConfig, protect
from carla_server.semantics import SemanticTag

NIGHT, FOG = Condition("clear", "night"), Condition("fog", "day")


class Eraser:
    """Darkens a frame and paints over lanes, lights and people, as a careless network would."""

    name = "eraser"

    def __init__(self) -> None:
        self.provenance: dict[str, Any] = {}

    def __call__(self, frames: FrameBatch, targets: list[Condition], seeds: np.ndarray) -> np.ndarray:
        pictures = frames.rgb.copy()
        for tag, surface in (
            (SemanticTag.ROAD_LINES, SemanticTag.ROADS),
            (SemanticTag.TRAFFIC_LIGHT, SemanticTag.BUILDINGS),
        ):
            for picture, seg in zip(pictures, frames.seg):
                picture[seg == tag] = np.median(picture[seg == surface], axis=0)
        return (pictures * 0.25).astype(np.uint8)


def street() -> FrameBatch:
    frames = drawn_scenes(1, (160, 96), DOMINANT)
    rgb, seg = frames.rgb.copy(), frames.seg.copy()
    seg[0, 20:32, 10:16] = SemanticTag.TRAFFIC_LIGHT
    rgb[0, 20:32, 10:16] = 18
    rgb[0, 21:24, 11:15] = 32, 241, 194
    return FrameBatch(rgb, seg, frames.depth_m, frames.sources, frames.frame_keys)


def test_it_keeps_the_contract_of_a_synthesizer():
    check_synthesizer(ProtectedSynthesizer(ProceduralSynthesizer()), targets=[NIGHT, FOG], source=DOMINANT)


def test_erased_lane_paint_comes_back_in_the_light_of_the_variant():
    frames = street()
    protected = ProtectedSynthesizer(Eraser())(frames, [NIGHT], np.zeros(1, np.uint64))[0]
    # The very foot of the paint, where road is on both sides.
    near = np.zeros(frames.seg.shape[1:], bool)
    near[60:] = True
    paint, road = near & (frames.seg[0] == SemanticTag.ROAD_LINES), near & (frames.seg[0] == SemanticTag.ROADS)
    contrast = np.median(protected[paint]) / np.median(protected[road])
    assert contrast > 0.6 * np.median(frames.rgb[0][paint]) / np.median(frames.rgb[0][road])
    assert np.median(protected[paint]) < 0.4 * np.median(frames.rgb[0][paint])


def test_a_burning_lamp_keeps_colour_and_brightness_at_night():
    frames = street()
    protected = ProtectedSynthesizer(Eraser())(frames, [NIGHT], np.zeros(1, np.uint64))[0]
    (lamp,) = lamp_colours(protected, frames.seg[0])
    assert lamp.colour == "green"
    assert protected[22, 12].max() > 200
    assert protected[30, 12].max() < 60


@pytest.mark.parametrize("with_depth", [True, False])
def test_a_burning_lamp_in_fog_keeps_a_colour_that_can_be_read(with_depth: bool):
    frames = street()
    assert frames.depth_m is not None
    depth_m = np.where(frames.seg == SemanticTag.TRAFFIC_LIGHT, np.float32(60.0), frames.depth_m)
    frames = FrameBatch(frames.rgb, frames.seg, depth_m if with_depth else None, frames.sources, frames.frame_keys)
    fog = np.full_like(frames.rgb, 190)
    shown = protect(frames, fog, [FOG])[0]
    (lamp,) = lamp_colours(shown, frames.seg[0])
    assert lamp.colour == "green"
    assert shown[22, 12, 1] > 1.25 * shown[22, 12, 0]
    assert shown[22, 12].min() > 60


def test_the_housing_around_a_burning_lamp_keeps_its_grey():
    frames = street()
    for target, share in ((NIGHT, 0.25), (FOG, 0.8)):
        variant = (frames.rgb * share).astype(np.uint8)
        variant[0, 21:24, 11:15] = 24, 60, 50
        shown = protect(frames, variant, [target])[0, 27:32, 10:16].astype(int)
        assert np.ptp(shown, axis=-1).max() < 12
        assert shown.max() < 60


def test_dark_glass_in_the_sun_does_not_outshine_the_lamp():
    frames = street()
    frames.rgb[0, 28:30, 11:15] = 235, 20, 20
    protected = protect(frames, frames.rgb, [FOG])[0]
    assert protected[28:30, 11:15].max() < protected[21:24, 11:15].max()


def test_paint_takes_the_hue_of_the_variant_that_shows_it():
    frames = street()
    paint = frames.seg[0] == SemanticTag.ROAD_LINES
    dusk = (frames.rgb * 0.6).astype(np.uint8)
    dusk[0][paint] = (frames.rgb[0][paint] * (0.66, 0.5, 0.3)).astype(np.uint8)
    protected = protect(frames, dusk, [Condition("clear", "dusk")])[0]
    ratio = protected[paint].mean(0)[2] / protected[paint].mean(0)[0]
    assert ratio < 1.25 * dusk[0][paint].mean(0)[2] / dusk[0][paint].mean(0)[0]


def test_dark_road_beside_paint_that_gets_darker_stays_as_dark_as_it_was():
    frames = street()
    paint = frames.seg[0] == SemanticTag.ROAD_LINES
    frames.rgb[0][paint] = 120  # worn paint, hardly brighter than the road
    dusk = (frames.rgb * 0.1).astype(np.uint8)
    dusk[0][paint] = 150
    protected = protect(frames, dusk, [Condition("clear", "dusk")])[0].astype(int)
    assert protected[paint].mean() < 0.8 * dusk[0][paint].mean()
    road = frames.seg[0] == SemanticTag.ROADS
    assert (protected[road] >= dusk[0][road].astype(int) - 1).all()


def test_what_is_not_protected_stays_as_the_inner_synthesizer_made_it():
    frames = street()
    inner = Eraser()(frames, [NIGHT], np.zeros(1, np.uint64))
    protected = protect(frames, inner, [NIGHT], ProtectionConfig(tags=(SemanticTag.TRAFFIC_LIGHT,)))
    changed = (protected != inner).any(-1)[0]
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert rows.min() >= 18
    assert rows.max() <= 33
    assert columns.max() <= 17


def test_far_paint_fades_with_the_fog_of_the_variant():
    frames = street()
    assert frames.depth_m is not None
    clear_share = np.exp(-0.08 * np.minimum(frames.depth_m, 200.0))[..., None]
    fog = (190.0 + (frames.rgb - 190.0) * clear_share).astype(np.uint8)
    protected = protect(frames, fog, [FOG])[0].astype(float)
    paint, road = frames.seg[0] == SemanticTag.ROAD_LINES, frames.seg[0] == SemanticTag.ROADS
    far = (frames.depth_m[0] > 25.0) & (frames.depth_m[0] < 60.0)
    near = frames.depth_m[0] < 4.0
    contrasts = [protected[paint & part].mean() - protected[road & part].mean() for part in (near, far)]
    assert contrasts[0] > 60.0
    assert abs(contrasts[1]) < 25.0


def test_variants_of_other_frames_are_refused():
    frames = street()
    with pytest.raises(ValueError, match="expected"):
        protect(frames, frames.rgb[:, :-1], [NIGHT])
    with pytest.raises(ValueError, match="window_share"):
        ProtectionConfig(window_share=2.0)
