from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from augment.conditions import Condition
from augment.export.backends import open_embedded, open_step
from augment.export.cache import cached_graph
from augment.export.embedded_graph import example_inputs, step_in_precision
from augment.export.onnx_graph import OnnxGraph, PictureShape
from augment.export.sidecar import ExportError, sidecar_path
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.embedded import default_embedded_folder
from augment.synthesizers.small_controlnet import SmallControlNet, read_config
from tests.augment.export.tiny_models import write_embedded

pytestmark = pytest.mark.timeout(600)  # the first test waits for the export, which is long on a busy machine
SHAPES = (PictureShape(1, 48, 64), PictureShape(3, 24, 40), PictureShape(2, 72, 16))
CPU_BACKENDS = ("onnxruntime", "openvino")


def arrays(shape: PictureShape) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in example_inputs(shape, 7).items()}


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_a_back_end_gives_the_pictures_of_torch_at_any_batch_and_size(backend, tiny_model, tiny_graph, export_cache):
    pytest.importorskip(backend, reason=f"{backend} is an extra")
    reference = open_step(tiny_model, "torch", threads=1)
    runner = open_step(tiny_model, backend, cache=export_cache, threads=1)
    for shape in SHAPES:
        expected, found = reference(**arrays(shape)), runner(**arrays(shape))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_same_frame_condition_and_seed_give_one_variant_by_every_back_end(tiny_model, export_cache, tiny_graph):
    pytest.importorskip("openvino", reason="openvino is an extra")
    frames = drawn_scenes(2, (64, 48), Condition.parse("clear-day"))
    targets, seeds = [Condition.parse("rain-night"), Condition.parse("fog-day")], np.array([5, 6], np.uint64)
    variants = {
        backend: open_embedded(tiny_model, backend, cache=export_cache, threads=1)(frames, targets, seeds)
        for backend in ("torch", *CPU_BACKENDS)
    }
    for backend in CPU_BACKENDS:
        difference = np.abs(variants[backend].astype(int) - variants["torch"].astype(int))
        assert (difference <= 1).mean() >= 0.999
    assert (variants["torch"] != frames.rgb).mean() > 0.5


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.1), ("fp16", 0.02)])
def test_a_network_in_16_bits_is_near_the_one_in_32(precision, most, tiny_model):
    inputs = example_inputs(SHAPES[0], 7).values()
    with torch.no_grad():
        expected = step_in_precision(SmallControlNet.load(tiny_model), "fp32")(*inputs)
        found = step_in_precision(SmallControlNet.load(tiny_model), precision)(*inputs)
    assert found.dtype == torch.float32
    assert 1e-6 < (found - expected).abs().max() < most


@pytest.mark.slow
def test_the_shipped_weights_give_one_variant_by_every_back_end(export_cache):
    folder = default_embedded_folder()
    if not (folder / "config.json").is_file():
        pytest.skip("this version ships no weights of the embedded model")
    pytest.importorskip("openvino", reason="openvino is an extra")
    targets = [Condition.parse(name) for name in read_config(folder).targets[:4]]
    frames = drawn_scenes(len(targets), (256, 144), Condition.parse(read_config(folder).source))
    seeds = np.arange(len(targets), dtype=np.uint64)
    expected = open_embedded(folder, "torch", threads=1)(frames, targets, seeds).astype(int)
    for backend in CPU_BACKENDS:
        found = open_embedded(folder, backend, cache=export_cache, threads=1)(frames, targets, seeds)
        assert (np.abs(found.astype(int) - expected) <= 1).mean() >= 0.999


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_frames_side_by_side_are_those_of_one_after_another(backend, tiny_model, tiny_graph, export_cache):
    pytest.importorskip(backend, reason=f"{backend} is an extra")
    frames = drawn_scenes(5, (64, 48), Condition.parse("clear-day"))
    targets, seeds = [Condition.parse("rain-night")] * 5, np.arange(5, dtype=np.uint64)
    alone = open_embedded(tiny_model, backend, cache=export_cache, threads=1)
    together = open_embedded(tiny_model, backend, cache=export_cache, threads=3, frames_at_once=3)
    for _ in range(3):
        np.testing.assert_array_equal(together(frames, targets, seeds), alone(frames, targets, seeds))
    assert together.provenance["frames_at_once"] == 3


def test_frames_at_once_that_a_back_end_or_its_threads_do_not_allow_are_refused(tiny_model, export_cache):
    with pytest.raises(ExportError, match="torch runs one call at a time; only onnxruntime, openvino"):
        open_step(tiny_model, "torch", threads=2, frames_at_once=2)
    with pytest.raises(ExportError, match="frames_at_once is 3; expected 1 to threads, which is 2"):
        open_step(tiny_model, "onnxruntime", cache=export_cache, threads=2, frames_at_once=3)


def test_results_are_not_overwritten_by_the_next_frame(tiny_model, tiny_graph, export_cache):
    pytest.importorskip("openvino", reason="openvino is an extra")
    runner = open_step(tiny_model, "openvino", cache=export_cache, threads=1)
    inputs = arrays(SHAPES[0])
    first = runner(**inputs)
    kept = first.copy()
    runner(**{**inputs, "rgb": 1.0 - inputs["rgb"]})
    np.testing.assert_array_equal(first, kept)


def test_openvino_in_bf16_is_near_or_says_that_the_cpu_cannot(tiny_model, tiny_graph, export_cache):
    openvino = pytest.importorskip("openvino", reason="openvino is an extra")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(ExportError, match="no bf16 arithmetic"):
            open_step(tiny_model, "openvino", cache=export_cache, precision="bf16")
        return
    runner = open_step(tiny_model, "openvino", cache=export_cache, precision="bf16", threads=1)
    expected = open_step(tiny_model, "torch", threads=1)(**arrays(SHAPES[0]))
    difference = np.abs(runner(**arrays(SHAPES[0])) - expected)
    assert runner.name == "openvino-bf16"
    assert difference.max() > 1e-5
    assert difference.mean() < 0.01


def test_provenance_says_what_ran(tiny_model, tiny_graph, export_cache):
    runner = open_step(tiny_model, "onnxruntime", cache=export_cache, threads=1)
    assert runner.provenance["graph"] == tiny_graph.sha256
    assert runner.provenance["threads"] == 1
    json.dumps(runner.provenance)


def test_the_parity_report_lies_beside_the_graph(tiny_graph):
    report = json.loads(tiny_graph.path.with_name("parity.json").read_text())
    assert report["graph"] == tiny_graph.sha256
    assert report["within_limit"]
    assert report["max_abs"] < 1e-5
    assert {case["shape"].partition("x")[0] for case in report["cases"]} >= {"1", "3"}
    assert all(case["span"] > 0.1 for case in report["cases"])


def test_the_second_use_exports_nothing(tiny_model, tiny_graph, export_cache):
    before = tiny_graph.path.stat().st_mtime_ns
    assert cached_graph(tiny_model, export_cache).sha256 == tiny_graph.sha256
    assert tiny_graph.path.stat().st_mtime_ns == before


def test_a_graph_changed_in_the_cache_is_refused(tiny_model, tiny_graph, export_cache):
    sound = tiny_graph.path.read_bytes()
    tiny_graph.path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    try:
        with pytest.raises(ExportError, match="has changed since it was exported"):
            open_step(tiny_model, "onnxruntime", cache=export_cache)
    finally:
        tiny_graph.path.write_bytes(sound)


def test_a_graph_of_other_weights_is_refused(tiny_graph, tmp_path):
    retrained = write_embedded(tmp_path / "retrained", seed=1)
    with pytest.raises(ExportError, match="the model has changed since"):
        open_step(retrained, "onnxruntime", exported=tiny_graph.path)


def test_a_graph_without_its_description_is_refused(tiny_model, tiny_graph, tmp_path):
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(tiny_graph.path.read_bytes())
    with pytest.raises(ExportError, match=r"there is no .*alone\.onnx\.json"):
        open_step(tiny_model, "onnxruntime", exported=alone)


def test_a_description_that_lacks_something_is_refused(tiny_graph, tmp_path):
    copy = tmp_path / "graph.onnx"
    copy.write_bytes(tiny_graph.path.read_bytes())
    facts = json.loads(sidecar_path(tiny_graph.path).read_text())
    del facts["inputs"]
    sidecar_path(copy).write_text(json.dumps(facts))
    with pytest.raises(ExportError, match="incomplete"):
        OnnxGraph.read(copy)


def test_an_exported_back_end_without_a_place_for_the_graph_says_so(tiny_model):
    with pytest.raises(ExportError, match="name a folder"):
        open_step(tiny_model, "openvino")


@pytest.mark.parametrize(
    ("backend", "precision", "message"),
    [
        ("torch", "fp16", "on a GPU only"),
        ("onnxruntime", "bf16", "no bf16 convolution"),
        ("openvino", "fp16", "fp32 or bf16"),
    ],
)
def test_a_precision_that_a_back_end_has_not_is_refused(backend, precision, message, tiny_model, tiny_graph):
    exported = None if backend == "torch" else tiny_graph.path
    pytest.importorskip("openvino", reason="openvino is an extra")
    with pytest.raises(ExportError, match=message):
        open_step(tiny_model, backend, exported=exported, precision=precision)


def test_a_gpu_that_torch_does_not_see_is_refused(tiny_model):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ExportError, match="sees no NVIDIA GPU"):
        open_step(tiny_model, "torch", device="cuda")


def test_a_size_that_is_no_multiple_is_refused_before_it_runs(tiny_model, tiny_graph, export_cache):
    synthesizer = open_embedded(tiny_model, "onnxruntime", cache=export_cache)
    frames = drawn_scenes(1, (60, 44), Condition.parse("clear-day"))
    assert isinstance(frames, FrameBatch)
    with pytest.raises(ValueError, match="multiples of 8"):
        synthesizer(frames, [Condition.parse("fog-day")], np.zeros(1, np.uint64))
