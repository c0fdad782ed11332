"""IoU equals the field's implementations before rounding, and small groups get no number."""

import numpy as np
import pytest
import torch

from carla_agents.segmentation.metrics import (
    compare_paired,
    confusion,
    iou,
    mean_iou,
    score_group,
    without_small_objects,
    worst_first,
)


def maps(images=8, classes=19, seed=0):
    """Label and predicted maps; 255 ignored, two classes only predicted, one absent from both."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes - 3, (images, 36, 64)).astype(np.uint8)
    predicted = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, classes - 1, labels.shape))
    labels[rng.random(labels.shape) < 0.1] = 255
    return labels, predicted.astype(np.uint8)


def matrices(labels, predicted, classes=19):
    return np.stack([confusion(a, b, classes) for a, b in zip(labels, predicted, strict=True)])


def test_mean_iou_equals_mmsegmentation_s_formula():
    labels, predicted = maps()
    # mmseg.evaluation.IoUMetric: histograms of matches, labels and predictions.
    wanted = torch.from_numpy(labels).long()
    shown = torch.from_numpy(predicted.copy()).long()
    counted = wanted != 255
    wanted, shown = wanted[counted], shown[counted]

    def histogram(values):
        return torch.histc(values.float(), bins=19, min=0, max=18).double()

    hits = histogram(shown[shown == wanted])
    ratio = (hits / (histogram(shown) + histogram(wanted) - hits)).numpy()
    ours = matrices(labels, predicted).sum(0)
    np.testing.assert_allclose(iou(ours), ratio, atol=1e-12)
    assert abs(float(mean_iou(ours)) - np.nanmean(ratio)) < 1e-12


def test_mean_iou_equals_torchmetrics():
    classification = pytest.importorskip("torchmetrics.classification", reason="torchmetrics is a dev dependency")
    labels, predicted = maps()
    metric = classification.MulticlassJaccardIndex(19, ignore_index=255, average="macro", validate_args=False)
    theirs = float(metric(torch.from_numpy(predicted.astype(np.int64)), torch.from_numpy(labels.astype(np.int64))))
    assert abs(float(mean_iou(matrices(labels, predicted).sum(0))) - theirs) < 1e-6


def test_a_class_that_is_only_predicted_counts_as_zero_and_an_absent_one_not_at_all():
    labels = np.zeros((2, 2), np.uint8)
    values = iou(confusion(labels, np.array([[0, 0], [0, 1]], np.uint8), 3))
    assert values[:2].tolist() == [0.75, 0.0]
    assert np.isnan(values[2])
    assert float(mean_iou(confusion(labels, labels, 3))) == 1.0


def test_small_pieces_of_a_class_can_be_left_out():
    labels = np.zeros((8, 8), np.uint8)
    labels[0, :3] = 1
    labels[4:6, 4:6] = 1
    labels[7, 7] = 255
    kept = without_small_objects(labels, 4)
    assert (kept[0, :3] == 255).all()
    assert (kept[4:6, 4:6] == 1).all()
    assert (kept[1:4] == 0).all()
    assert (kept == 255).sum() == 4


def test_ids_out_of_range_and_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="predictions hold id 3"):
        confusion(np.zeros((1, 2), np.uint8), np.full((1, 2), 3, np.uint8), 3)
    with pytest.raises(ValueError, match="predictions"):
        confusion(np.zeros((1, 2), np.uint8), np.zeros((2, 1), np.uint8), 3)


def test_groups_under_thirty_pictures_are_listed_without_a_number():
    labels, predicted = maps(29)
    score = score_group(matrices(labels, predicted), seed=0)
    assert (score.images, score.miou, score.class_iou) == (29, None, ())


def test_the_interval_holds_the_value_and_depends_on_the_seed_alone():
    shown = matrices(*maps(40))
    score = score_group(shown, seed=3)
    assert score.low <= score.miou <= score.high
    assert score == score_group(shown, seed=3)
    assert score.low != score_group(shown, seed=4).low
    assert score.class_iou[18] is None


def test_pictures_without_any_label_have_no_score():
    empty = np.zeros((30, 4, 4), np.int64)
    assert score_group(empty, 0).miou is None
    assert worst_first(empty, 3) == []


def test_two_models_are_compared_on_the_same_pictures():
    labels, predicted = maps(40)
    better = np.where(np.random.default_rng(1).random(labels.shape) < 0.3, np.minimum(labels, 18), predicted)
    first, second = matrices(labels, predicted), matrices(labels, better.astype(np.uint8))
    score = compare_paired(first, second, seed=0)
    assert score.low > 0.0
    assert score.low <= score.difference <= score.high
    assert compare_paired(first, first, seed=0).difference == 0.0
    with pytest.raises(ValueError, match="same labels"):
        compare_paired(first, second[::-1], seed=0)


def test_the_worst_picture_comes_first():
    labels, predicted = maps(5)
    predicted[3] = (labels[3] + 1) % 19
    assert worst_first(matrices(labels, predicted), 2)[0] == 3
