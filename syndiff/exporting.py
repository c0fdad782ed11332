"""The job behind `syndiff export-engine`."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from augment.export.engine import EngineShapes, build_engine
from augment.export.fused_controlnet import fused_graph_from_folders
from augment.export.onnx_graph import GraphSource, PictureShape, check_multiple
from augment.export.parity import export_checked
from augment.export.step_model import EMBEDDED, TRANSLATOR
from augment.online.choice import network_folder
from syndiff.commands.export_engine import ExportEngine


def export_engine(options: ExportEngine) -> int:
    """Export, compare, build; see `syndiff export-engine --help`.

    Returns:
        0; a graph that differs from torch raises.

    Raises:
        ValueError: a folder holds no model, a size does not fit it, or a package or a GPU is missing.
    """
    torch.set_num_threads(options.threads)
    shapes = EngineShapes(options.batch, options.height_px, options.width_px)
    source = _source(options)
    usual = shapes.shapes()[1]
    check_multiple(usual, source.size_multiple_px)
    began = time.monotonic()
    compared = (replace(usual, batch=1), PictureShape(3, 2 * source.size_multiple_px, 3 * source.size_multiple_px))
    graph, report = export_checked(
        source, options.out / "graph.onnx", compared, opset=options.opset, threads=options.threads
    )
    megabytes = sum(p.stat().st_size for p in options.out.glob("graph.onnx*")) / 1e6
    print(f"{graph.path}: {graph.kind} in {graph.precision}, {megabytes:.1f} MB, {time.monotonic() - began:.0f} s")
    for case in report.cases:
        print(
            f"  {case.shape:>12}: error at most {case.max_abs:.1e}, mean {case.mean_abs:.1e}; "
            f"{100 * case.share_within_1_lsb:.2f} % of values within 1/255"
        )
    if report.not_run is not None:
        print(f"  not compared with torch: {report.not_run}")
    if options.builder != "none":
        began = time.monotonic()
        engine = build_engine(graph, options.out / "step.engine", options.builder, shapes, options.compute_capability)
        print(
            f"{engine.path}: {engine.builder} {engine.builder_version} for {engine.shapes}, compute capability "
            f"{engine.compute_capability}, {engine.path.stat().st_size / 1e6:.1f} MB, "
            f"{time.monotonic() - began:.0f} s"
        )
    return 0


def _source(options: ExportEngine) -> GraphSource:
    if options.base is not None and options.controlnet is not None:
        return fused_graph_from_folders(options.base, options.controlnet, options.precision)
    model = TRANSLATOR if options.synthesizer == "translator" else EMBEDDED
    return model.graph(network_folder(options.synthesizer, options.weights), options.precision)
