"""Graphs and engines kept in a folder of the caller's choice, under a key of all that decides what they are."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from augment.export.engine import (
    PORTABLE,
    Builder,
    Engine,
    EngineShapes,
    build_engine,
    builder_version,
    device_compute_capability,
)
from augment.export.onnx_graph import FORMAT, OPSET, PACKAGES, OnnxGraph, PictureShape, Precision, versions
from augment.export.parity import export_checked
from augment.export.sidecar import sidecar_path
from augment.export.step_model import EMBEDDED, StepModel
from augment.synthesizers.small_controlnet import weights_hash


def cache_key(facts: dict[str, Any]) -> str:
    """16 hex digits that change with every fact."""
    return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def cached_graph(
    folder: Path,
    cache: Path,
    precision: Precision = "fp32",
    *,
    model: StepModel = EMBEDDED,
    opset: int = OPSET,
    threads: int = 2,
) -> OnnxGraph:
    """The step with the weights of `folder`; exported and compared with torch if the cache lacks it.

    Two processes that want the same graph export it once.

    Args:
        folder: of the model.
        cache: folder for graphs and engines, created if absent.
        precision: of the network.
        model: what kind of network it is.
        opset: see `export_graph`.
        threads: of ONNX Runtime in the comparison.

    Raises:
        ValueError: the folder holds no model, the graph in the cache has been changed, or the export fails.
    """
    facts = {
        "format": FORMAT,
        "kind": model.kind,
        "weights": weights_hash(folder),
        "precision": precision,
        "opset": opset,
        "versions": versions(*PACKAGES),
    }
    path = cache / f"{model.kind}-{precision}-{cache_key(facts)}" / "graph.onnx"
    with _alone(path.parent):
        if sidecar_path(path).is_file():
            return OnnxGraph.read(path)
        source = model.graph(folder, precision)
        multiple = source.size_multiple_px
        shapes = [PictureShape(1, 4 * multiple, 6 * multiple), PictureShape(3, 2 * multiple, 3 * multiple)]
        return export_checked(source, path, shapes, opset=opset, threads=threads)[0]


def cached_engine(graph: OnnxGraph, cache: Path, builder: Builder, shapes: EngineShapes) -> Engine:
    """The engine of a graph; built if the cache lacks it.

    Args:
        graph: what to build.
        cache: folder for graphs and engines, created if absent.
        builder: of the engine.
        shapes: sizes it must run at.

    Raises:
        ExportError: the engine in the cache has been changed, or cannot be built.
    """
    facts = {
        "graph": graph.sha256,
        "builder": builder,
        "version": builder_version(builder),
        "shapes": asdict(shapes),
        "device": PORTABLE if builder == "tensorrt-rtx" else device_compute_capability(),
    }
    path = cache / f"{graph.kind}-{graph.precision}-{builder}-{cache_key(facts)}" / "step.engine"
    with _alone(path.parent):
        if sidecar_path(path).is_file():
            return Engine.read(path)
        return build_engine(graph, path, builder, shapes)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Other processes wait until this one has written its files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
