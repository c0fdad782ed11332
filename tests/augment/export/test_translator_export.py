"""A distilled translator runs by the back ends of the embedded model, and is refused for the same reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from augment.conditions import Condition
from augment.export.backends import open_step, open_translator
from augment.export.cache import cached_engine, cached_graph
from augment.export.embedded_graph import example_inputs
from augment.export.engine import PORTABLE, EngineShapes
from augment.export.onnx_graph import OnnxGraph, PictureShape
from augment.export.sidecar import ExportError
from augment.export.step_model import TRANSLATOR
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.translator import TranslatorSynthesizer
from tests.augment.export.tiny_models import write_translator

pytestmark = pytest.mark.timeout(600)
SHAPES = (PictureShape(1, 48, 64), PictureShape(3, 24, 40), PictureShape(2, 72, 16))
CPU_BACKENDS = ("onnxruntime", "openvino")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_translator(tmp_path_factory.mktemp("tiny-translator"))


@pytest.fixture(scope="module")
def graph(folder, export_cache) -> OnnxGraph:
    pytest.importorskip("onnxscript", reason="exporting needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="comparing needs the extra onnx")
    return cached_graph(folder, export_cache, model=TRANSLATOR)


def arrays(shape: PictureShape) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in example_inputs(shape, 7).items()}


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_a_back_end_gives_the_pictures_of_torch_at_any_batch_and_size(backend, folder, graph, export_cache):
    pytest.importorskip(backend, reason=f"{backend} is an extra")
    reference = open_step(folder, "torch", model=TRANSLATOR, threads=1)
    runner = open_step(folder, backend, model=TRANSLATOR, cache=export_cache, threads=1)
    for shape in SHAPES:
        np.testing.assert_allclose(runner(**arrays(shape)), reference(**arrays(shape)), atol=1e-5)
    assert runner.provenance["graph"] == graph.sha256


def test_a_translator_by_a_back_end_keeps_the_contract_under_a_name_of_its_own(folder, graph, export_cache):
    exported = open_translator(folder, "onnxruntime", cache=export_cache, threads=1)
    targets, source = [Condition.parse("rain-night"), Condition.parse("fog-day")], Condition.parse("clear-day")
    check_synthesizer(exported, targets=targets, source=source, size_px=(64, 32))
    by_torch = TranslatorSynthesizer.from_folder(folder)
    assert exported.name == by_torch.name.removesuffix("torch") + "onnxruntime"
    frames, seeds = drawn_scenes(2, (64, 48), source), np.array([5, 6], np.uint64)
    difference = exported(frames, targets, seeds).astype(int) - by_torch(frames, targets, seeds)
    assert (np.abs(difference) <= 1).mean() >= 0.999


def test_the_parity_report_lies_beside_the_graph(graph):
    report = json.loads(graph.path.with_name("parity.json").read_text())
    assert (report["kind"], report["graph"]) == ("translator-step", graph.sha256)
    assert report["within_limit"]
    assert report["max_abs"] < 1e-5
    assert all(case["span"] > 0.1 for case in report["cases"])


def test_the_second_use_exports_nothing_and_other_weights_have_another_key(folder, graph, export_cache, tmp_path):
    before = graph.path.stat().st_mtime_ns
    assert cached_graph(folder, export_cache, model=TRANSLATOR).path == graph.path
    assert graph.path.stat().st_mtime_ns == before
    other = cached_graph(write_translator(tmp_path / "other", seed=1), export_cache, model=TRANSLATOR)
    assert other.path != graph.path


@pytest.mark.parametrize(("precision", "most"), [("bf16", 0.1), ("fp16", 0.02)])
def test_a_network_in_16_bits_is_near_the_one_in_32(precision, most, folder):
    inputs = example_inputs(SHAPES[0], 7).values()
    with torch.no_grad():
        expected = TRANSLATOR.step(folder, "fp32")(*inputs)
        found = TRANSLATOR.step(folder, precision)(*inputs)
    assert found.dtype == torch.float32
    assert 1e-6 < (found - expected).abs().max() < most


def test_tensorrt_rtx_builds_the_step_without_a_gpu_in_half_precision(folder, graph, export_cache):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is an extra")
    half = cached_graph(folder, export_cache, "fp16", model=TRANSLATOR)
    shapes = EngineShapes(batch=(1, 1, 2), height_px=(48, 48, 48), width_px=(64, 64, 64))
    engine = cached_engine(half, export_cache, "tensorrt-rtx", shapes)
    assert (engine.kind, engine.precision, engine.compute_capability) == ("translator-step", "fp16", PORTABLE)
    assert engine.path.stat().st_size > 10_000
    if not torch.cuda.is_available():
        with pytest.raises(ExportError, match="no NVIDIA driver"):
            open_step(folder, "tensorrt-rtx", model=TRANSLATOR, exported=engine.path, precision="fp16")


def test_a_graph_of_another_kind_or_of_other_weights_is_refused(folder, graph, tiny_model, tiny_graph, tmp_path):
    with pytest.raises(ExportError, match="another kind of network: embedded-step, wanted is translator-step"):
        open_translator(folder, "onnxruntime", exported=tiny_graph.path)
    with pytest.raises(ExportError, match="another kind of network: translator-step, wanted is embedded-step"):
        open_step(tiny_model, "onnxruntime", exported=graph.path)
    with pytest.raises(ExportError, match="the model has changed since"):
        open_translator(write_translator(tmp_path / "other", seed=1), "onnxruntime", exported=graph.path)


def test_a_folder_of_another_network_is_refused(tiny_model, export_cache):
    with pytest.raises(ValueError, match="not of a translator: it has kind 'syndiff-small-controlnet"):
        open_translator(tiny_model, "onnxruntime", cache=export_cache)
