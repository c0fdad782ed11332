from __future__ import annotations

import json

import pytest
import torch

from augment.export.backends import open_step
from augment.export.cache import cached_engine, cached_graph
from augment.export.engine import PORTABLE, Engine, EngineShapes, build_engine, import_builder
from augment.export.onnx_graph import PictureShape
from augment.export.sidecar import ExportError, sidecar_path
from augment.synthesizers.embedded import default_embedded_folder
from tests.augment.export.tiny_models import write_embedded

pytestmark = pytest.mark.timeout(600)
SHAPES = EngineShapes(batch=(1, 1, 2), height_px=(48, 48, 48), width_px=(64, 64, 64))


@pytest.fixture(scope="module")
def engine(tiny_graph, export_cache) -> Engine:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is an extra")
    return cached_engine(tiny_graph, export_cache, "tensorrt-rtx", SHAPES)


@pytest.fixture
def copied(engine, tmp_path) -> Engine:
    """The engine and its description in a place of their own, to be spoiled."""
    copy = tmp_path / "step.engine"
    copy.write_bytes(engine.path.read_bytes())
    sidecar_path(copy).write_bytes(sidecar_path(engine.path).read_bytes())
    return Engine.read(copy)


def rewrite(engine: Engine, **facts: object) -> Engine:
    described = sidecar_path(engine.path)
    described.write_text(json.dumps({**json.loads(described.read_text()), **facts}))
    return Engine.read(engine.path)


def test_tensorrt_rtx_builds_the_embedded_step_without_a_gpu(engine, tiny_graph):
    assert engine.path.stat().st_size > 10_000
    assert engine.builder_version == import_builder("tensorrt-rtx").__version__
    assert engine.compute_capability == PORTABLE
    assert (engine.graph, engine.weights, engine.shapes) == (tiny_graph.sha256, tiny_graph.weights, SHAPES)


@pytest.mark.slow
def test_tensorrt_rtx_builds_the_shipped_model_in_half_precision(export_cache):
    folder = default_embedded_folder()
    if not (folder / "config.json").is_file():
        pytest.skip("this version ships no weights of the embedded model")
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is an extra")
    graph = cached_graph(folder, export_cache, "fp16")
    built = cached_engine(graph, export_cache, "tensorrt-rtx", EngineShapes())
    assert built.precision == "fp16"
    assert built.path.stat().st_size > 1_000_000


def test_the_second_use_builds_nothing_and_other_shapes_have_another_key(engine, tiny_graph, export_cache):
    before = engine.path.stat().st_mtime_ns
    again = cached_engine(tiny_graph, export_cache, "tensorrt-rtx", SHAPES)
    assert again == engine
    assert again.path.stat().st_mtime_ns == before


def test_without_a_driver_the_message_says_so_and_what_to_choose(tiny_model, engine):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ExportError, match=r"(?s)no NVIDIA driver.*--backend onnxruntime"):
        open_step(tiny_model, "tensorrt-rtx", exported=engine.path)


def test_without_the_package_tensorrt_the_message_says_how_to_install_it(tiny_graph, tmp_path):
    try:
        import tensorrt  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("tensorrt is installed")
    with pytest.raises(ExportError, match=r"syndiff-ad\[tensorrt\]"):
        build_engine(tiny_graph, tmp_path / "step.engine", "tensorrt", SHAPES)
    assert not list(tmp_path.iterdir())


def test_an_engine_of_another_version_is_refused_before_it_is_loaded(tiny_model, copied):
    rewrite(copied, builder_version="1.0.0")
    with pytest.raises(ExportError, match=r"built by tensorrt-rtx 1\.0\.0, installed is"):
        open_step(tiny_model, "tensorrt-rtx", exported=copied.path)


def test_an_engine_of_other_weights_is_refused(engine, tmp_path):
    with pytest.raises(ExportError, match="the model has changed since"):
        open_step(write_embedded(tmp_path / "retrained", seed=1), "tensorrt-rtx", exported=engine.path)


def test_an_engine_changed_after_it_was_built_is_refused(tiny_model, copied):
    data = bytearray(copied.path.read_bytes())
    data[len(data) // 2] ^= 1
    copied.path.write_bytes(data)
    with pytest.raises(ExportError, match="has changed since it was exported"):
        open_step(tiny_model, "tensorrt-rtx", exported=copied.path)


@pytest.mark.parametrize(("backend", "precision"), [("tensorrt", "fp32"), ("tensorrt-rtx", "fp16")])
def test_an_engine_of_another_builder_or_precision_is_refused(backend, precision, tiny_model, engine):
    with pytest.raises(ExportError, match=f"wanted is {backend} in {precision}"):
        open_step(tiny_model, backend, exported=engine.path, precision=precision)


def test_an_engine_for_another_gpu_is_refused(copied, monkeypatch):
    from augment.export import engine_session

    monkeypatch.setattr(engine_session, "device_compute_capability", lambda device: "9.0")
    for built_for in ("8.6", "SM86,SM89"):
        with pytest.raises(ExportError, match=f"compute capability {built_for}, cuda has 9.0"):
            engine_session.check_device(rewrite(copied, compute_capability=built_for), "cuda")
    for built_for in ("9.0", "SM89,SM90", PORTABLE):
        engine_session.check_device(rewrite(copied, compute_capability=built_for), "cuda")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (PictureShape(3, 48, 64), "1-2 pictures of 64x48 px, not for 3 of 64x48"),
        (PictureShape(1, 96, 64), "not for 1 of 64x96"),
        (PictureShape(1, 44, 64), "multiples of 8"),
    ],
)
def test_a_shape_that_the_engine_was_not_built_for_is_refused(shape, message, engine):
    engine.check_shape(PictureShape(2, 48, 64))
    with pytest.raises(ExportError, match=message):
        engine.check_shape(shape)


def test_shapes_that_do_not_fit_the_network_are_not_built(tiny_graph, tmp_path):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is an extra")
    with pytest.raises(ExportError, match="multiples of 8"):
        build_engine(tiny_graph, tmp_path / "e", "tensorrt-rtx", EngineShapes((1, 1, 1), (45, 45, 45), (64, 64, 64)))


def test_an_unknown_compute_capability_is_named_with_the_known_ones(tiny_graph, tmp_path):
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is an extra")
    with pytest.raises(ExportError, match=r"'SM61'.*SM86"):
        build_engine(tiny_graph, tmp_path / "e", "tensorrt-rtx", SHAPES, ("SM61",))


@pytest.mark.parametrize("batch", [(2, 1, 4), (0, 1, 4), (1, 5, 4)])
def test_a_range_of_shapes_that_is_none_is_refused(batch):
    with pytest.raises(ValueError, match="smallest, usual, largest"):
        EngineShapes(batch=batch)
