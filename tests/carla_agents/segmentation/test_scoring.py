"""A segmenter is scored per condition and source, small groups without a number, two models paired."""

import numpy as np
import pytest
import torch

from carla_agents.data.errors import StoreError
from carla_agents.segmentation.metrics import confusion, mean_iou
from carla_agents.segmentation.scoring import score_segmenter
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig

from .conftest import toy_store


class FromColour(SmallSegmenter):
    """Names the group whose colour is nearest; right by day, wrong at night."""

    def predict(self, rgb, *, pad=False, what="the picture"):
        palette = np.array([c.rgb for c in self.classes.classes], np.float64)
        return ((rgb[..., None, :] - palette) ** 2).sum(-1).argmin(-1).astype(np.uint8)


@pytest.fixture(scope="module")
def data(store):
    return load_segmentation_set(store, SegmentationSetConfig(split="val"))


def test_conditions_and_sources_are_scored_apart_and_small_groups_get_no_number(data):
    result = score_segmenter(FromColour(SmallSegmenterConfig()), data)
    table = result.scores()
    assert list(table) == [
        ("all", "real"),
        ("clear-day", "real"),
        ("clear-night", "real"),
        ("all", "toy"),
        ("clear-night", "toy"),
    ]
    assert [score.images for score in table.values()] == [36, 32, 4, 32, 32]
    assert table["clear-night", "real"].miou is None
    assert table["clear-day", "real"].miou > 0.8 > table["clear-night", "toy"].miou
    written = result.to_json()
    assert written["groups"][2]["miou"] is None
    assert written["groups"][2]["images"] == 4
    assert len(written["classes"]) == 12


def test_a_group_s_number_is_that_of_the_summed_matrix(data):
    model = FromColour(SmallSegmenterConfig())
    total = np.zeros((12, 12), np.int64)
    for place in range(32):
        rgb, labels = data.load(place)
        total += confusion(labels, model.predict(rgb[None])[0], 12)
    assert score_segmenter(model, data).scores()["clear-day", "real"].miou == float(mean_iou(total))


def test_two_models_are_compared_on_the_same_pictures_only(data, store):
    good = score_segmenter(FromColour(SmallSegmenterConfig()), data)
    bad = score_segmenter(SmallSegmenter(SmallSegmenterConfig(widths=(8, 8, 8, 8))), data)
    difference = good.compare(bad)["clear-day", "real"]
    assert difference.high < 0.0
    assert good.compare(bad)["clear-night", "real"].difference is None
    fewer = load_segmentation_set(store, SegmentationSetConfig(split="val", synthesizers=()))
    with pytest.raises(ValueError, match="same pictures"):
        good.compare(score_segmenter(FromColour(SmallSegmenterConfig()), fewer))


def test_the_worst_pictures_are_the_dark_ones(data):
    result = score_segmenter(FromColour(SmallSegmenterConfig()), data)
    assert {data.samples[place].condition for place in result.worst(5)} == {"clear-night"}


def test_a_picture_that_does_not_fit_the_stride_or_is_damaged_is_named(tmp_path):
    model = SmallSegmenter(SmallSegmenterConfig(widths=(8, 8, 8, 8)))
    store = toy_store(tmp_path / "odd", 2, width_px=70, height_px=40)
    data = load_segmentation_set(store, SegmentationSetConfig(conditions=("clear-day",)))
    with pytest.raises(ValueError, match=r"train/000000 has 70x40 pixels.*--pad"):
        score_segmenter(model, data)
    assert score_segmenter(model, data, pad=True).matrices.sum() == 2 * 70 * 40
    victim = tmp_path / "odd" / data.samples[1].frame.files["seg"].name
    victim.write_bytes(victim.read_bytes()[:-9])
    with pytest.raises(StoreError, match=victim.name):
        score_segmenter(model, data, pad=True)


def test_a_model_of_another_class_set_is_refused(data):
    with pytest.raises(ValueError, match=r"predicts cityscapes.*read them as"):
        score_segmenter(SmallSegmenter(SmallSegmenterConfig("cityscapes")), data)


@pytest.mark.slow
def test_the_onnx_graph_gives_torch_s_scores(tmp_path):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is an extra")
    pytest.importorskip("onnxscript", reason="onnxscript is an extra")
    from carla_agents.segmentation.onnx_export import export_onnx

    model = SmallSegmenter(SmallSegmenterConfig(widths=(8, 8, 8, 8))).eval()
    export_onnx(model, tmp_path / "m.onnx", (64, 32))
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    rgb = np.random.default_rng(0).uniform(0, 255, (1, 3, 32, 64)).astype(np.float32)
    with torch.inference_mode():
        wanted = model.logits(torch.from_numpy(rgb)).numpy()
    np.testing.assert_allclose(session.run(None, {"rgb": rgb})[0], wanted, atol=1e-3)
    with pytest.raises(ValueError, match="no multiples of 16"):
        export_onnx(model, tmp_path / "n.onnx", (60, 32))
