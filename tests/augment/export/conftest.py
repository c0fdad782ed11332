"""One tiny model for all tests of this folder, and its graph, which takes some seconds to export, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from augment.export.cache import cached_graph
from augment.export.onnx_graph import OnnxGraph
from tests.augment.export.tiny_models import write_embedded


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return write_embedded(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def export_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("export-cache")


@pytest.fixture(scope="session")
def tiny_graph(tiny_model, export_cache) -> OnnxGraph:
    pytest.importorskip("onnxscript", reason="exporting needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="comparing needs the extra onnx")
    return cached_graph(tiny_model, export_cache)
