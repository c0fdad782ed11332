"""The command exports the fused graph of a tiny Stable Diffusion and builds an engine of it; done once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from augment.export.engine import PORTABLE, Engine
from augment.export.onnx_graph import OnnxGraph
from syndiff.cli import main
from syndiff.commands.export_engine import ExportEngine
from tests.augment.export.tiny_models import write_preset

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    for module in ("onnxscript", "onnxruntime", "tensorrt_rtx"):
        pytest.importorskip(module, reason=f"{module} comes with an extra")
    folder = tmp_path_factory.mktemp("fused")
    base, controlnet = write_preset(folder / "preset")
    files = ["--out", str(folder / "out"), "--base", str(base), "--controlnet", str(controlnet)]
    sizes = ["--batch", "1", "2", "4", "--height-px", "64", "64", "64", "--width-px", "64", "96", "128"]
    assert main(["export-engine", *files, "--builder", "tensorrt-rtx", *sizes, "--threads", "1"]) == 0
    return folder / "out"


def test_one_graph_of_controlnet_and_unet_equals_torch_to_1e_5(exported):
    graph = OnnxGraph.read(exported / "graph.onnx")
    report = json.loads((exported / "parity.json").read_text())
    assert (graph.kind, graph.precision) == ("fused-controlnet", "fp32")
    assert report["graph"] == graph.sha256
    assert report["within_limit"]
    assert report["max_abs"] <= 1e-5
    assert [case["shape"] for case in report["cases"]] == ["1x96x64", "3x48x32"]
    assert all(case["span"] > 0.5 for case in report["cases"])


def test_tensorrt_rtx_builds_the_fused_graph_without_a_gpu(exported):
    engine = Engine.read(exported / "step.engine")
    assert engine.path.stat().st_size > 10_000
    assert engine.graph == OnnxGraph.read(exported / "graph.onnx").sha256
    assert (engine.compute_capability, engine.shapes.width_px) == (PORTABLE, (64, 96, 128))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--weights", "nowhere"], "no config.json in nowhere"),
        (["--base", "nowhere", "--controlnet", "nowhere"], "no .safetensors file"),
    ],
)
def test_a_folder_that_holds_no_model_is_named(arguments, message, tmp_path, capsys):
    assert main(["export-engine", "--out", str(tmp_path), *arguments]) == 1
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": Path("x")}, "--base and --controlnet belong together"),
        (
            {"base": Path("x"), "controlnet": Path("y"), "weights": Path("z")},
            "--weights is for embedded and",
        ),
        ({"synthesizer": "translator"}, "--synthesizer translator needs --weights"),
        ({"opset": 9}, "opset is 9; expected 20 to 24"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ExportEngine(out=Path("out"), **options)
