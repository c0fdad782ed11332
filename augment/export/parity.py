"""`check_parity`: how far an exported graph, run by ONNX Runtime, is from the network run by torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from augment.export.onnx_graph import OPSET, GraphSource, OnnxGraph, PictureShape, Precision, export_graph, versions
from augment.export.onnxruntime_step import open_session
from augment.export.sidecar import ExportError, sidecar_path

LIMITS: dict[Precision, float] = {"fp32": 1e-3, "fp16": 5e-2, "bf16": 0.5}
"""Largest absolute error allowed: of a picture in [0, 1], or of predicted noise, which spans about [-4, 4]."""
LSB = 1.0 / 255.0


@dataclass(frozen=True)
class ParityCase:
    """One shape.

    Attributes:
        shape: number x width x height.
        max_abs, mean_abs: error in units of the output.
        share_within_1_lsb: share of values that differ by at most 1/255.
        span: largest absolute value of torch's output.
    """

    shape: str
    max_abs: float
    mean_abs: float
    share_within_1_lsb: float
    span: float


@dataclass(frozen=True)
class ParityReport:
    """All shapes of one graph.

    Attributes:
        graph: SHA-256 of the graph.
        kind, precision: of it.
        compared_with: what torch ran.
        cases: one for each shape; empty if `not_run` says why.
        limit: largest error allowed.
        not_run: reason, or None.
        versions: of what ran.
    """

    graph: str
    kind: str
    precision: Precision
    compared_with: str
    cases: tuple[ParityCase, ...]
    limit: float
    not_run: str | None
    versions: dict[str, str]

    @property
    def max_abs(self) -> float:
        """The largest error of all shapes; NaN if there is none."""
        return max((case.max_abs for case in self.cases), default=float("nan"))

    @property
    def within_limit(self) -> bool:
        """Whether there are figures and all keep the limit; an error that is NaN does not."""
        return bool(self.cases) and all(case.max_abs <= self.limit for case in self.cases)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        values = {**asdict(self), "max_abs": self.max_abs if self.cases else None, "within_limit": self.within_limit}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


@torch.inference_mode()
def check_parity(
    source: GraphSource, graph: OnnxGraph, shapes: Sequence[PictureShape], threads: int = 2
) -> ParityReport:
    """Run the network and its graph on the same random inputs.

    Args:
        source: the network the graph was made of.
        graph: the graph.
        shapes: several, among them one picture and three; a graph that has taken a size for a constant fails here.
        threads: of ONNX Runtime.

    Raises:
        ExportError: the graph is of another network, or ONNX Runtime cannot run it at one of the shapes.
    """
    if (graph.kind, graph.weights) != (source.kind, source.weights):
        raise ExportError(
            f"{graph.path} is a {graph.kind} of {graph.weights}, not a {source.kind} of {source.weights}"
        )
    cases: list[ParityCase] = []
    not_run = None
    if graph.precision == "bf16":
        not_run = "ONNX Runtime has no bf16 convolution on CPUs"
    else:
        session = open_session(graph, threads)
        wanted = {node.name for node in session.get_inputs()}
        for seed, shape in enumerate(shapes):
            graph.check_shape(shape)
            inputs = source.example(shape, seed)
            expected = source.reference(*inputs.values()).float().numpy()
            arrays = {name: tensor.numpy() for name, tensor in inputs.items() if name in wanted}
            try:
                found = session.run(None, arrays)[0].astype(np.float32)
            except Exception as error:
                raise ExportError(f"{graph.path} does not run at {shape}: {error}") from error
            if found.shape != expected.shape:
                raise ExportError(f"{graph.path} at {shape} gives {found.shape}, torch gives {expected.shape}")
            difference = np.abs(found - expected)
            cases.append(
                ParityCase(
                    str(shape),
                    float(difference.max()),
                    float(difference.mean()),
                    float((difference <= LSB).mean()),
                    float(np.abs(expected).max()),
                )
            )
    same = source.reference is source.module
    return ParityReport(
        graph.sha256,
        graph.kind,
        graph.precision,
        f"torch {graph.precision if same else 'fp32'} on the CPU",
        tuple(cases),
        LIMITS[graph.precision],
        not_run,
        versions("torch", "onnxruntime", "numpy"),
    )


def export_checked(
    source: GraphSource, path: Path, shapes: Sequence[PictureShape], *, opset: int = OPSET, threads: int = 2
) -> tuple[OnnxGraph, ParityReport]:
    """`export_graph`, then `check_parity`, whose report is written to `parity.json` beside the graph.

    Args:
        source: the network.
        path: of the ONNX file.
        shapes: that are compared.
        opset: see `export_graph`.
        threads: of ONNX Runtime.

    Raises:
        ExportError: the network cannot be exported, or the graph computes something else; then it is deleted.
    """
    graph = export_graph(source, path, opset)
    report = check_parity(source, graph, shapes, threads)
    report.write(path.with_name("parity.json"))
    if not report.within_limit and report.not_run is None:
        sidecar_path(path).unlink()
        path.unlink()
        raise ExportError(
            f"the graph of {source.kind} in {source.precision} is {report.max_abs:.2g} off, at most {report.limit:g} "
            f"is allowed; see {path.with_name('parity.json')}"
        )
    return graph, report
