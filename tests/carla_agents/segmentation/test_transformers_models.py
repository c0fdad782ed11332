"""Models of the transformers library: built without a network, trained by the same loop, resumed to the bit."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

os.environ.setdefault("HF_HUB_OFFLINE", "1")
pytest.importorskip("transformers")
from transformers import EomtConfig, Mask2FormerConfig, SegformerConfig, SwinConfig

from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.transformers_models import TransformersSegmenter
from carla_agents.segmentation.weights import load_segmenter


def segformer():
    config = SegformerConfig(depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16)
    return TransformersSegmenter(config, "groups12")


def mask2former():
    stages = ["stage1", "stage2", "stage3", "stage4"]
    swin = SwinConfig(depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 8], embed_dim=8, window_size=4, out_features=stages)
    config = Mask2FormerConfig(
        backbone_config=swin,
        num_queries=8,
        hidden_dim=32,
        feature_size=32,
        mask_feature_size=32,
        encoder_feedforward_dim=16,
        dim_feedforward=16,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        train_num_points=64,
    )
    return TransformersSegmenter(config, "groups12")


def eomt():
    """Takes square pictures only, so ours are scaled on the way in and the scores on the way out."""
    config = EomtConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=64,
        patch_size=16,
        num_blocks=1,
        num_queries=8,
        num_upscale_blocks=1,
        train_num_points=64,
    )
    return TransformersSegmenter(config, "groups12")


@pytest.mark.parametrize("build", [segformer, mask2former, eomt])
def test_a_model_trains_resumes_to_the_bit_and_is_loaded_again(build, store, tmp_path):
    class Stopped(Exception):
        pass

    def stop(step, loss):
        if step == 3:
            raise Stopped

    data = load_segmentation_set(store, SegmentationSetConfig())
    config = SegmentationTrainingConfig(steps=4, batch_size=2, threads=1, checkpoint_every=2)
    whole = train_segmenter(build, data, config, tmp_path / "whole")
    with pytest.raises(Stopped):
        train_segmenter(build, data, config, tmp_path / "parts", stop)
    train_segmenter(build, data, config, tmp_path / "parts")
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    rgb = data.load(0)[0][None]
    shown = load_segmenter(tmp_path / "whole").predict(rgb)
    assert shown.shape == (1, 32, 64)
    assert np.array_equal(shown, whole.predict(rgb))


def test_a_picture_without_any_label_has_a_finite_loss():
    for build in (segformer, mask2former):
        labels = torch.full((2, 32, 64), 255)
        labels[1, :16] = 3
        assert torch.isfinite(build()(torch.rand(2, 3, 32, 64) * 255.0, labels))


def test_a_local_folder_gives_its_weights_and_names_what_it_does_not_give(tmp_path):
    segformer().save_pretrained(tmp_path / "hf")
    same, fresh = TransformersSegmenter.from_local(str(tmp_path / "hf"), "groups12")
    assert fresh == []
    assert sum(p.numel() for p in same.parameters()) == sum(p.numel() for p in segformer().parameters())
    _, fresh = TransformersSegmenter.from_local(str(tmp_path / "hf"), "cityscapes")
    assert fresh == ["decode_head.classifier.bias", "decode_head.classifier.weight"]


def test_names_pickles_and_foreign_weights_are_refused_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match=r"nvidia/mit-b0.*never fetched.*hf download"):
        TransformersSegmenter.from_local("nvidia/mit-b0", "groups12")
    folder = tmp_path / "hf"
    segformer().save_pretrained(folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"only the pickle pytorch_model\.bin"):
        TransformersSegmenter.from_local(str(folder), "groups12")
    mask2former().save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").write_bytes(weights)
    with pytest.raises(ValueError, match="weights of another architecture"):
        TransformersSegmenter.from_local(str(tmp_path / "other"), "groups12")
