"""`AugmentWeather`, a step of mmsegmentation's data pipeline. Needs the extra `mmseg`."""

import numpy as np
import pytest

pytest.importorskip("mmcv", reason="mmsegmentation is an extra: pip install 'syndiff-ad[mmseg]'")
from carla_agents.segmentation import mmseg_compat

mmseg_compat.install()
pytest.importorskip("mmseg", reason="mmsegmentation is an extra: pip install 'syndiff-ad[mmseg]'")

from mmseg.registry import TRANSFORMS  # noqa: E402

from augment.mmseg_transform import AugmentWeather  # noqa: E402
from carla_server.semantics import SemanticTag  # noqa: E402


def sample() -> dict[str, object]:
    """A road under a sky; the picture is BGR."""
    labels = np.full((48, 80), SemanticTag.SKY, np.uint8)
    labels[24:] = SemanticTag.ROADS
    picture = np.full((48, 80, 3), (230, 180, 140), np.uint8)
    picture[24:] = 110
    return {"img": picture, "gt_seg_map": labels, "img_path": "drive/000001.png"}


def run(**options) -> dict[str, object]:
    np.random.seed(3)
    step = TRANSFORMS.build({"type": "AugmentWeather", "conditions": ["clear-night"], **options})
    return step(sample())


def test_the_step_is_registered_and_darkens_the_picture_but_not_the_labels():
    made, before = run(prob=1.0), sample()
    assert made["augment"]["condition"] == "clear-night"
    assert made["img"].shape == before["img"].shape
    assert made["img"].dtype == np.uint8
    assert made["img"][:20].mean() < 0.4 * before["img"][:20].mean()
    np.testing.assert_array_equal(made["gt_seg_map"], before["gt_seg_map"])


def test_the_same_draw_gives_the_same_variant_and_no_draw_leaves_the_picture():
    first, again = run(prob=1.0), run(prob=1.0)
    assert first["augment"] == again["augment"]
    np.testing.assert_array_equal(first["img"], again["img"])
    left = run(prob=0.0)
    assert left["augment"] is None
    np.testing.assert_array_equal(left["img"], sample()["img"])


def test_labels_of_another_set_are_read_through_their_tags():
    step = AugmentWeather(["fog-day"], prob=1.0, tags=[int(SemanticTag.ROADS), int(SemanticTag.SKY)])
    own = {**sample(), "gt_seg_map": np.repeat([1] * 24 + [0] * 24, 80).reshape(48, 80).astype(np.uint8)}
    np.random.seed(3)
    translated = step(own)["img"]
    np.random.seed(3)
    np.testing.assert_array_equal(translated, AugmentWeather(["fog-day"], prob=1.0)(sample())["img"])


def test_options_and_pictures_that_cannot_be_used_are_named():
    with pytest.raises(ValueError, match="prob is 2"):
        AugmentWeather(prob=2.0)
    with pytest.raises(ValueError, match="conditions is empty"):
        AugmentWeather([])
    with pytest.raises(ValueError, match="needs gt_seg_map"):
        AugmentWeather()({**sample(), "gt_seg_map": None})
