"""One tiny model for all tests of this folder, and its graph, which takes some seconds to export, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from augment.export.cache import cached_graph
from augment.export.onnx_graph import OnnxGraph
from augment.synthesizers.small_controlnet import SmallControlNet, SmallControlNetConfig


def write_model(folder: Path, seed: int) -> Path:
    """A model of random weights, none of which is zero, so that every part of the graph shows in the picture."""
    torch.manual_seed(seed)
    network = SmallControlNet(SmallControlNetConfig(channels=(8, 16), targets=("rain-night", "fog-day")))
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    network.save(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("tiny-model"), seed=0)


@pytest.fixture(scope="session")
def export_cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("export-cache")


@pytest.fixture(scope="session")
def tiny_graph(tiny_model, export_cache) -> OnnxGraph:
    pytest.importorskip("onnxscript", reason="exporting needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="comparing needs the extra onnx")
    return cached_graph(tiny_model, export_cache)
