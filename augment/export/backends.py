"""`open_step`: a one-step network by the back end that the caller names; nothing falls back to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from augment.export.cache import cached_engine, cached_graph
from augment.export.engine import Builder, Engine, EngineShapes
from augment.export.engine_step import EngineStep
from augment.export.onnx_graph import OnnxGraph, Precision
from augment.export.onnxruntime_step import OnnxRuntimeStep
from augment.export.openvino_step import OpenVinoStep
from augment.export.sidecar import ExportError
from augment.export.step_model import EMBEDDED, TRANSLATOR, StepModel
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.embedded_step import StepRunner, TorchStep
from augment.synthesizers.small_controlnet import read_config, weights_hash
from augment.synthesizers.translator import TranslatorSynthesizer, read_translator_config

Backend = Literal["torch", "onnxruntime", "openvino", "tensorrt", "tensorrt-rtx"]
SIDE_BY_SIDE: tuple[Backend, ...] = ("onnxruntime", "openvino")
"""Back ends that several threads may call at a time."""


def open_step(
    folder: Path,
    backend: Backend,
    *,
    model: StepModel = EMBEDDED,
    cache: Path | None = None,
    exported: Path | None = None,
    precision: Precision = "fp32",
    threads: int = 2,
    frames_at_once: int = 1,
    device: str | None = None,
    shapes: EngineShapes | None = None,
    cuda_graph: bool = False,
) -> StepRunner:
    """Open the step of a network.

    Args:
        folder: of the model.
        backend: `torch` needs nothing else; the others run a graph or an engine, found in `cache` or made there at
            the first use (half a minute), or given by `exported`.
        model: what kind of network the folder holds.
        cache: folder for graphs and engines.
        exported: a graph (onnxruntime, openvino) or an engine that `syndiff export-engine` has written.
        precision: fp32; bf16 by openvino, torch and the TensorRTs; fp16 by torch on a GPU and the TensorRTs.
        threads: CPU threads; torch's number is that of the whole process.
        frames_at_once: calls from so many threads may run side by side, on an equal share of `threads` each
            (onnxruntime, openvino). One frame on two threads takes more processor time than two frames on one each.
        device: of torch: default `cpu` for torch, `cuda` for the TensorRTs.
        shapes: sizes an engine is built for.
        cuda_graph: for the TensorRTs: record and replay launches.

    Raises:
        ValueError: the folder holds no such model; the back end's package, driver or GPU is missing; a file has
            changed since it was exported, is of another network, version or GPU; a precision is not possible.
    """
    if threads < 1:
        raise ValueError(f"threads is {threads}; expected at least 1")
    if not 1 <= frames_at_once <= threads:
        raise ExportError(f"frames_at_once is {frames_at_once}; expected 1 to threads, which is {threads}")
    if frames_at_once > 1 and backend not in SIDE_BY_SIDE:
        raise ExportError(f"{backend} runs one call at a time; only {', '.join(SIDE_BY_SIDE)} take {frames_at_once=}")
    if backend == "torch":
        return _torch_step(model, folder, precision, threads, device or "cpu")
    if cache is None and exported is None:
        raise ExportError(f"{backend} runs an exported network: name a folder to keep it in (--export-cache FOLDER)")
    if backend == "onnxruntime":
        if precision == "bf16":
            raise ExportError("ONNX Runtime has no bf16 convolution on CPUs; choose openvino, or precision fp32")
        graph = _graph(model, folder, cache, exported, precision, threads)
        return OnnxRuntimeStep(graph, threads // frames_at_once)
    if backend == "openvino":
        # bf16 is a kind of arithmetic here, not of weights: the graph is the one in 32 bits.
        graph = _graph(model, folder, cache, exported, "fp32", threads)
        return OpenVinoStep(graph, threads, precision, frames_at_once)
    engine = _engine(model, folder, cache, exported, backend, precision, shapes)
    return EngineStep(engine, device or "cuda", cuda_graph)


def open_embedded(
    folder: Path,
    backend: Backend,
    *,
    cache: Path | None = None,
    exported: Path | None = None,
    precision: Precision = "fp32",
    threads: int = 2,
    batch_size: int = 1,
    frames_at_once: int = 1,
    streaks: bool = True,
) -> EmbeddedSynthesizer:
    """The embedded model as a synthesizer by a back end; arguments and errors as of `open_step`.

    Args:
        folder: of the model.
        backend, cache, exported, precision, threads, frames_at_once: see `open_step`.
        batch_size, streaks: see `EmbeddedSynthesizer`.
    """
    runner = open_step(
        folder,
        backend,
        cache=cache,
        exported=exported,
        precision=precision,
        threads=threads,
        frames_at_once=frames_at_once,
    )
    return EmbeddedSynthesizer(
        read_config(folder),
        runner,
        weights_hash(folder),
        batch_size=batch_size,
        frames_at_once=frames_at_once,
        streaks=streaks,
    )


def open_translator(
    folder: Path,
    backend: Backend,
    *,
    cache: Path | None = None,
    exported: Path | None = None,
    precision: Precision = "fp32",
    threads: int = 2,
    batch_size: int = 1,
    frames_at_once: int = 1,
) -> TranslatorSynthesizer:
    """A distilled translator as a synthesizer by a back end; arguments and errors as of `open_embedded`."""
    config = read_translator_config(folder)
    runner = open_step(
        folder,
        backend,
        model=TRANSLATOR,
        cache=cache,
        exported=exported,
        precision=precision,
        threads=threads,
        frames_at_once=frames_at_once,
    )
    return TranslatorSynthesizer(
        config, runner, weights_hash(folder), batch_size=batch_size, frames_at_once=frames_at_once
    )


def _torch_step(model: StepModel, folder: Path, precision: Precision, threads: int, device: str) -> StepRunner:
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ExportError(f"device is {device}; torch {torch.__version__} sees no NVIDIA GPU: choose cpu")
    if precision == "fp16" and device == "cpu":
        raise ExportError("torch computes fp16 on a GPU only; choose fp32 or bf16")
    torch.set_num_threads(threads)
    runner = TorchStep(model.step(folder, precision), device)
    if precision != "fp32":
        runner.name = f"torch-{precision}"
    runner.provenance["precision"] = precision
    return runner


def _graph(
    model: StepModel, folder: Path, cache: Path | None, exported: Path | None, precision: Precision, threads: int
) -> OnnxGraph:
    if exported is None:
        assert cache is not None  # noqa: S101 (open_step has checked)
        return cached_graph(folder, cache, precision, model=model, threads=threads)
    graph = OnnxGraph.read(exported)
    _check_source(model, exported, graph.kind, graph.weights, folder)
    if graph.precision != precision:
        raise ExportError(f"{exported} computes in {graph.precision}, wanted is {precision}")
    return graph


def _engine(
    model: StepModel,
    folder: Path,
    cache: Path | None,
    exported: Path | None,
    backend: Builder,
    precision: Precision,
    shapes: EngineShapes | None,
) -> Engine:
    if exported is None:
        assert cache is not None  # noqa: S101 (open_step has checked)
        graph = cached_graph(folder, cache, precision, model=model)
        return cached_engine(graph, cache, backend, shapes or EngineShapes())
    engine = Engine.read(exported)
    _check_source(model, exported, engine.kind, engine.weights, folder)
    if engine.builder != backend or engine.precision != precision:
        raise ExportError(
            f"{exported} is an engine of {engine.builder} in {engine.precision}; wanted is {backend} in {precision}"
        )
    return engine


def _check_source(model: StepModel, exported: Path, kind: str, weights: str, folder: Path) -> None:
    if kind != model.kind:
        raise ExportError(f"{exported} was exported from another kind of network: {kind}, wanted is {model.kind}")
    here = weights_hash(folder)
    if weights != here:
        raise ExportError(
            f"{exported} was exported from weights {weights}, {folder} holds {here}: the model has changed since; "
            "export it anew with `syndiff export-engine`"
        )
