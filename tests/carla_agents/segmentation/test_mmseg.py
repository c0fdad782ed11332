"""mmsegmentation: stores read directly, and its models behind our interface. Needs the extra `mmseg`."""

import importlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("mmcv", reason="mmsegmentation is an extra: pip install 'syndiff-ad[mmseg]'")
from carla_agents.segmentation import mmseg_compat

mmseg_compat.install()
pytest.importorskip("mmseg", reason="mmsegmentation is an extra: pip install 'syndiff-ad[mmseg]'")

from mmengine.registry import init_default_scope  # noqa: E402

from carla_agents.segmentation.metrics import mean_iou  # noqa: E402
from carla_agents.segmentation.mmseg_dataset import StoreDataset  # noqa: E402
from carla_agents.segmentation.mmseg_models import MmsegSegmenter, model_settings  # noqa: E402
from carla_agents.segmentation.mmseg_weights import absent_weights, packaged_weights  # noqa: E402
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set  # noqa: E402
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter  # noqa: E402
from carla_agents.segmentation.weights import load_segmenter  # noqa: E402
from syndiff.cli import EXIT_FAILED, main  # noqa: E402

from .test_metrics import maps, matrices  # noqa: E402

SEGFORMER = "segformer_mit-b0_8xb2-160k_ade20k-512x512"


def test_the_stand_in_for_compiled_operators_refuses_to_compute():
    from mmengine.utils.dl_utils import mmcv_full_available

    if mmcv_full_available():
        pytest.skip("a compiled mmcv is installed")
    operators = importlib.import_module("mmcv._ext")
    with pytest.raises(RuntimeError, match="install the full mmcv"):
        operators.nms()


def test_a_store_is_a_data_set(store):
    init_default_scope("mmseg")  # as mmengine's Runner does
    data = StoreDataset([str(store.root)], pipeline=[{"type": "PackSegInputs"}])
    assert len(data) == 16
    item = data[3]
    rgb, labels = data.pictures.load(3)
    assert (item["inputs"].permute(1, 2, 0).numpy()[..., ::-1] == rgb).all()
    assert (item["data_samples"].gt_sem_seg.data[0].numpy() == labels).all()
    assert data.metainfo["classes"][1] == "lane paint"


def test_our_mean_iou_is_iou_metric_s():
    from mmseg.evaluation import IoUMetric

    labels, predicted = maps()
    parts = [
        IoUMetric.intersect_and_union(
            torch.from_numpy(p.astype(np.int64)), torch.from_numpy(a.astype(np.int64)), 19, 255
        )
        for a, p in zip(labels, predicted, strict=True)
    ]
    hits, union = (sum(part[i].double() for part in parts) for i in (0, 1))
    theirs = float(np.nanmean((hits / union).numpy()))
    assert abs(theirs - float(mean_iou(matrices(labels, predicted).sum(0)))) < 1e-6


def test_a_packaged_config_trains_resumes_to_the_bit_and_is_loaded_again(store, tmp_path):
    class Stopped(Exception):
        pass

    def stop(step, loss):
        if step == 3:
            raise Stopped

    data = load_segmentation_set(store, SegmentationSetConfig())
    config = SegmentationTrainingConfig(steps=4, batch_size=2, threads=1, checkpoint_every=2)

    def build():
        return MmsegSegmenter(model_settings(SEGFORMER, "groups12"), "groups12")

    whole = train_segmenter(build, data, config, tmp_path / "whole")
    with pytest.raises(Stopped):
        train_segmenter(build, data, config, tmp_path / "parts", stop)
    train_segmenter(build, data, config, tmp_path / "parts")
    first, second = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    rgb = data.load(0)[0][None]
    assert np.array_equal(load_segmenter(tmp_path / "whole").predict(rgb), whole.predict(rgb))


def test_a_checkpoint_of_another_class_set_gives_all_but_the_head(tmp_path):
    source = MmsegSegmenter(model_settings(SEGFORMER, "cityscapes"), "cityscapes")
    torch.save({"state_dict": source.model.state_dict()}, tmp_path / "w.pth")
    target = MmsegSegmenter(model_settings(SEGFORMER, "groups12"), "groups12")
    assert target.take_checkpoint(tmp_path / "w.pth") == ["decode_head.conv_seg.bias", "decode_head.conv_seg.weight"]
    torch.save({"state_dict": {"x": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth holds weights of another architecture"):
        target.take_checkpoint(tmp_path / "other.pth")


class _Pickled:
    def __reduce__(self):
        return print, ("this ran",)


def test_a_checkpoint_that_would_run_code_is_refused_by_name(tmp_path, capsys):
    torch.save({"state_dict": {}, "hook": _Pickled()}, tmp_path / "evil.pth")
    target = MmsegSegmenter(model_settings(SEGFORMER, "groups12"), "groups12")
    with pytest.raises(ValueError, match=r"evil\.pth cannot be read without running code"):
        target.take_checkpoint(tmp_path / "evil.pth")
    assert "this ran" not in capsys.readouterr().out


def test_an_unknown_config_names_its_neighbours():
    with pytest.raises(ValueError, match="segformer_mit-b0"):
        model_settings("segformer_mit-b9", "groups12")


def test_the_packaged_index_says_where_weights_are(tmp_path):
    found = {weights.config: weights for weights in packaged_weights()}
    swin = found["mask2former_swin-t_8xb2-160k_ade20k-512x512"]
    assert swin.data_set == "ADE20K"
    assert 40.0 < swin.miou_percent < 60.0
    assert swin.url.startswith("https://")
    assert swin.url.endswith(".pth")
    assert SEGFORMER in found
    assert "deeplabv3plus_r18-d8_4xb2-80k_cityscapes-512x1024" in found
    assert swin.url in absent_weights(tmp_path / "x.pth", swin.config)


def test_train_seg_takes_config_and_weights_as_mmsegmentation_users_write_them(store, tmp_path, capsys):
    torch.save(
        {"state_dict": MmsegSegmenter(model_settings(SEGFORMER, "groups12"), "groups12").model.state_dict()},
        tmp_path / "w.pth",
    )
    arguments = [
        "train-seg",
        "--data",
        str(store.root),
        "--out",
        str(tmp_path / "run"),
        "--backend",
        "mmseg",
        "--config",
        SEGFORMER,
        "--steps",
        "1",
        "--batch-size",
        "1",
        "--threads",
        "1",
    ]
    assert main([*arguments, "--weights", str(tmp_path / "absent.pth")]) == EXIT_FAILED
    assert "https://download.openmmlab.com" in "".join(capsys.readouterr().err.split())
    assert main([*arguments, "--weights", str(tmp_path / "w.pth"), "--out", str(tmp_path / "run2")]) == 0
    assert "w.pth: 0 tensors start with random weights" in capsys.readouterr().out
    assert load_segmenter(tmp_path / "run2").classes.name == "groups12"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # Mask2Former takes two and a half minutes on an idle machine, near the usual limit
@pytest.mark.parametrize("name", [SEGFORMER, "mask2former_swin-t_8xb2-160k_ade20k-512x512"])
def test_fifty_iterations_resume_to_the_bit(name, store, tmp_path):
    class Stopped(Exception):
        pass

    def stop(step, loss):
        if step == 30:
            raise Stopped

    data = load_segmentation_set(store, SegmentationSetConfig())
    config = SegmentationTrainingConfig(
        steps=50, batch_size=2, threads=1, checkpoint_every=25, learning_rate=1e-4, crop_px=(64, 32)
    )

    def build():
        return MmsegSegmenter(model_settings(name, "groups12"), "groups12")

    losses = []
    whole = train_segmenter(build, data, config, tmp_path / "whole", lambda step, loss: losses.append(loss))
    with pytest.raises(Stopped):
        train_segmenter(build, data, config, tmp_path / "parts", stop)
    train_segmenter(build, data, config, tmp_path / "parts")
    first, second = (load_file(tmp_path / folder / "weights.safetensors") for folder in ("whole", "parts"))
    assert all(torch.equal(first[tensor], second[tensor]) for tensor in first)
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    rgb = data.load(0)[0][None]
    assert np.array_equal(load_segmenter(tmp_path / "parts").predict(rgb), whole.predict(rgb))


@pytest.mark.slow
def test_mask2former_swin_t_has_a_loss_and_predicts():
    pytest.importorskip("mmdet")
    settings = model_settings("mask2former_swin-t_8xb2-160k_ade20k-512x512", "groups12")
    segmenter = MmsegSegmenter(settings, "groups12")
    rgb, labels = torch.rand(2, 3, 64, 64) * 255.0, torch.randint(0, 12, (2, 64, 64))
    loss = segmenter(rgb, labels)
    assert torch.isfinite(loss)
    loss.backward()
    assert segmenter.eval().logits(rgb).shape == (2, 12, 64, 64)
