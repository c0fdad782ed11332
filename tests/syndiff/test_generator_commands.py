"""The commands around public models, clips and translators, on drawn stores and tiny random weights."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import torch

from augment.synthesizers.clips import PerFrameClips
from augment.synthesizers.procedural import ProceduralSynthesizer
from carla_agents.data.store import Store
from examples.frame_server import make_server
from syndiff.cli import EXIT_FAILED, EXIT_OK, main
from tests.augment.drawn_store import record_drawn
from tests.augment.export.tiny_models import write_embedded, write_translator
from tests.augment.tiny_models import weights_folder


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return record_drawn(tmp_path / "store", night=True)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_folder("syndiff", tmp_path_factory.mktemp("models") / "syndiff")


def synthesize(store: Path, *options: object) -> int:
    unjudged = ("--no-protect", "--guard", "none")  # networks of these tests make nothing worth judging
    words = ("synthesize", "--data", store, "--conditions", "rain-night", "--threads", 1, *unjudged, *options)
    return main([str(word) for word in words])


def made(store: Path) -> set[str]:
    return {v.synthesizer.split("-")[0] for v in Store.read(store).variants(condition="rain-night")}


def test_a_preset_finetuned_on_a_store_makes_its_variants(store: Path, models: Path, tmp_path: Path):
    base, control, out = models / "base", models / "controlnet-seg", tmp_path / "mine"
    words = f"finetune-controlnet --data {store} --base {base} --controlnet {control} --out {out} --height-px 32"
    assert main([*words.split(), "--steps", "2", "--batch-size", "2", "--cpu", "--threads", "1"]) == EXIT_OK
    preset = ("--synthesizer", "diffusion", "--preset", "syndiff", "--weights", models)
    sampling = ("--steps", 2, "--working-height-px", 32)
    assert synthesize(store, *preset, *sampling, "--controlnet", out) == EXIT_OK
    assert made(store) == {"syndiff"}
    variant = Store.read(store).variants(condition="rain-night")[0]
    assert variant.provenance["made_with"]["settings"]["steps"] == 2


def test_a_translator_learns_from_a_stores_variants_and_makes_others(store: Path, tmp_path: Path):
    assert synthesize(store, "--synthesizer", "procedural") == EXIT_OK
    out = tmp_path / "translator"
    words = f"train-translator --data {store} --teacher procedural --out {out} --steps 2 --crop-px 32 16 --threads 1"
    assert main([*words.split(), "--batch-size", "2"]) == EXIT_OK
    assert synthesize(store, "--synthesizer", "translator", "--weights", out) == EXIT_OK
    assert made(store) == {"procedural", "translator"}


def made_by(store: Path) -> dict[str, bytes]:
    return {v.synthesizer: v.load_rgb().tobytes() for v in Store.read(store).variants(condition="rain-night")}


def test_rain_is_drawn_over_what_the_embedded_network_makes_unless_that_is_declined(store: Path, tmp_path: Path):
    network = ("--weights", write_embedded(tmp_path / "embedded"))
    assert synthesize(store, *network) == synthesize(store, *network, "--drawn-rain", "none") == EXIT_OK
    pictures = made_by(store)
    (bare,) = (name for name in pictures if not name.endswith("-streaks"))
    assert set(pictures) == {bare, f"{bare}-puddles-streaks"}
    assert len(set(pictures.values())) == 2
    drawn = Store.read(store).variants(synthesizer=f"{bare}-puddles-streaks")
    made_with = drawn[0].provenance["made_with"]
    assert made_with["streaks_by_network"] is False
    assert made_with["puddles"] == 2


def test_puddles_come_on_top_of_another_network_where_that_is_asked_for(store: Path, tmp_path: Path):
    network = ("--synthesizer", "translator", "--weights", write_translator(tmp_path / "translator"))
    assert synthesize(store, *network) == synthesize(store, *network, "--drawn-rain", "networks") == EXIT_OK
    pictures = made_by(store)
    (bare,) = (name for name in pictures if not name.endswith("-puddles"))
    assert set(pictures) == {bare, f"{bare}-puddles"}
    assert len(set(pictures.values())) == 2


def test_a_translator_is_exported_and_makes_variants_by_its_graph(store: Path, tmp_path: Path):
    pytest.importorskip("onnxscript", reason="exporting needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="running the graph needs the extra onnx")
    weights, out = write_translator(tmp_path / "translator"), tmp_path / "out"
    named = ("--synthesizer", "translator", "--weights", weights)
    sizes = ["--height-px", "32", "32", "32", "--width-px", "64", "64", "64", "--threads", "1"]
    assert main(["export-engine", "--out", str(out), *map(str, named), *sizes]) == EXIT_OK
    assert json.loads((out / "parity.json").read_text())["within_limit"]
    assert synthesize(store, *named, "--backend", "onnxruntime", "--exported", out / "graph.onnx") == EXIT_OK
    assert {v.synthesizer.split("-")[-1] for v in Store.read(store).variants(condition="rain-night")} == {
        "onnxruntime"
    }


def test_clips_come_from_a_frame_server(store: Path):
    server = make_server(PerFrameClips(ProceduralSynthesizer()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        words = f"synthesize-clips --data {store} --conditions rain-night --server {address} --frames 2 --threads 1"
        assert main(words.split()) == EXIT_OK
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert made(store) == {"remote"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--synthesizer", "diffusion"), "needs --preset"),
        (("--synthesizer", "diffusion", "--preset", "sd9"), "unknown preset 'sd9'"),
        (("--synthesizer", "diffusion", "--preset", "cosmos"), "synthesize-clips"),
        (("--synthesizer", "diffusion", "--preset", "syndiff", "--weights", "absent"), "hf download"),
        (("--synthesizer", "translator"), "needs --weights"),
        (("--preset", "syndiff"), "is for --synthesizer diffusion"),
        (("--steps", "3"), "is for --synthesizer diffusion"),
    ],
)
def test_options_that_do_not_fit_are_explained(options, message: str, store: Path, capsys):
    assert synthesize(store, *options) == EXIT_FAILED
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_presets_are_listed_with_what_is_here(models: Path, capsys):
    assert main(["presets", "--weights", str(models.parent)]) == EXIT_OK
    assert "syndiff" in (listed := capsys.readouterr().out)
    assert "yes" in listed
    assert main(["presets", "sdxl-union"]) == EXIT_OK
    assert "hf download stabilityai/stable-diffusion-xl-base-1.0" in capsys.readouterr().out
    assert main(["presets", "sd9"]) == EXIT_FAILED


def test_clips_need_one_maker(store: Path, capsys):
    assert main(["synthesize-clips", "--data", str(store), "--conditions", "rain-night"]) == EXIT_FAILED
    assert "give one of --preset" in capsys.readouterr().err
