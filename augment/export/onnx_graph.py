"""`export_graph`: a network as an ONNX graph for any number of pictures of any size, described by a JSON beside it.

The precision of an engine is that of its graph: a network is exported in 32 bits for CPUs, in 16 bits for TensorRT,
whose networks are strongly typed (TensorRT 11 documentation, "Strongly Typed Networks").
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from augment.export.sidecar import ExportError, read_sidecar, write_sidecar

FORMAT = "syndiff-onnx-1"
Precision = Literal["fp32", "fp16", "bf16"]
DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
OPSET = 20
"""The newest that TensorRT 10, OpenVINO and every supported ONNX Runtime read."""
PACKAGES = ("torch", "onnx", "onnxscript", "diffusers")
_MAX_TRACED_BATCH = 63
"""diffusers' up-sampling takes another path from 64 pictures on; the graph itself takes any number."""


@dataclass(frozen=True)
class PictureShape:
    """One size that a graph is run at."""

    batch: int
    height_px: int
    width_px: int

    def __post_init__(self) -> None:
        for name in ("batch", "height_px", "width_px"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")

    def __str__(self) -> str:
        return f"{self.batch}x{self.width_px}x{self.height_px}"


@dataclass(frozen=True)
class GraphSource:
    """A network and what an exporter must know about it.

    Attributes:
        kind: what the graph computes, e.g. `embedded-step`.
        module: in evaluation mode, already of the precision.
        inputs: dimensions of each input of `module.forward`, in its order: a number, or `batch`, `height`, `width`,
            or a part of the picture's size as in `height/8`.
        output: name of the result.
        example: makes inputs of a shape from a seed.
        reference: what the graph is compared with; `module`, or the same network in 32 bits.
        size_multiple_px: height and width of pictures must be multiples of this.
        precision: of the weights.
        weights: hash of the weights.
    """

    kind: str
    module: nn.Module
    inputs: dict[str, tuple[int | str, ...]]
    output: str
    example: Callable[[PictureShape, int], dict[str, Tensor]]
    reference: nn.Module
    size_multiple_px: int
    precision: Precision
    weights: str


@dataclass(frozen=True)
class OnnxGraph:
    """An exported graph.

    Attributes:
        path: of the ONNX file.
        sha256: of it.
        kind, inputs, output, size_multiple_px, precision, weights: as of `GraphSource`.
        opset: version of the operators.
        versions: of the packages that wrote it.
    """

    path: Path
    sha256: str
    kind: str
    inputs: dict[str, tuple[int | str, ...]]
    output: str
    size_multiple_px: int
    precision: Precision
    weights: str
    opset: int
    versions: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> OnnxGraph:
        """Read the description of a graph and check that the graph is still the one described.

        Raises:
            ExportError: a file is missing, of another format, or has changed.
        """
        facts = read_sidecar(path, FORMAT)
        try:
            inputs = {name: tuple(shape) for name, shape in facts["inputs"]}
            names = ("sha256", "kind", "output", "size_multiple_px", "precision", "weights", "opset", "versions")
            return cls(path=path, inputs=inputs, **{name: facts[name] for name in names})
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"the description of {path} is incomplete: {error!r}; export it anew") from error

    def shape_of(self, name: str, shape: PictureShape) -> tuple[int, ...]:
        """Dimensions of an input at one size of the pictures."""
        return tuple(_resolve(dimension, shape) for dimension in self.inputs[name])

    def check_shape(self, shape: PictureShape) -> None:
        """Check that pictures of this size can go through the graph.

        Raises:
            ExportError: height or width are no multiples of `size_multiple_px`.
        """
        check_multiple(shape, self.size_multiple_px)


def check_multiple(shape: PictureShape, multiple_px: int) -> None:
    """Check that height and width are multiples of a number.

    Raises:
        ExportError: they are not.
    """
    if shape.height_px % multiple_px or shape.width_px % multiple_px:
        raise ExportError(
            f"{shape.width_px}x{shape.height_px} px do not fit the network: it takes multiples of {multiple_px} px"
        )


def export_graph(source: GraphSource, path: Path, opset: int = OPSET) -> OnnxGraph:
    """Write `path`, its description `<path>.json` and, above 1.5 GB, its weights `<path>.data`.

    Args:
        source: the network.
        path: of the ONNX file; the folder is created if absent.
        opset: version of ONNX's operators; 23 has attention as one operator.

    Raises:
        ExportError: the packages onnx and onnxscript are missing, or the network cannot be exported.
    """
    require_packages("onnx", "onnxscript")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Rows and columns differ and neither is 1, so that no dimension is taken for another or for a constant.
    example = source.example(PictureShape(2, 3 * source.size_multiple_px, 4 * source.size_multiple_px), 0)
    weights_bytes = sum(p.numel() * p.element_size() for p in source.module.parameters())
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                source.module,
                tuple(example[name] for name in source.inputs),
                input_names=list(source.inputs),
                output_names=[source.output],
                dynamic_shapes=_dynamic_shapes(source),
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
        except Exception as error:
            raise ExportError(f"torch.onnx cannot export {source.kind}: {error}") from error
        assert program is not None  # noqa: S101 (for mypy: dynamo=True without a file returns a program)
        program.save(path, external_data=weights_bytes > 1_500_000_000)
    facts = {
        "format": FORMAT,
        "kind": source.kind,
        "inputs": [[name, list(shape)] for name, shape in source.inputs.items()],
        "output": source.output,
        "size_multiple_px": source.size_multiple_px,
        "precision": source.precision,
        "weights": source.weights,
        "opset": opset,
        "versions": versions(*PACKAGES),
    }
    write_sidecar(path, facts)
    return OnnxGraph.read(path)


def require_packages(*names: str) -> None:
    """Check that optional packages are installed.

    Raises:
        ExportError: names what is missing and how to install it.
    """
    missing = [name for name, version in versions(*names).items() if version == "absent"]
    if missing:
        raise ExportError(f"{', '.join(missing)} not installed; run: pip install 'syndiff-ad[onnx,openvino]'")


def versions(*packages: str) -> dict[str, str]:
    """Installed version of each package, or `absent`."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def _dynamic_shapes(source: GraphSource) -> tuple[dict[int, Any] | None, ...]:
    multiple = source.size_multiple_px
    batch = torch.export.Dim("batch", min=2, max=_MAX_TRACED_BATCH)
    steps = {"height": torch.export.Dim("rows"), "width": torch.export.Dim("columns")}
    shapes: list[dict[int, Any] | None] = []
    for dimensions in source.inputs.values():
        free: dict[int, Any] = {}
        for axis, dimension in enumerate(dimensions):
            if dimension == "batch":
                free[axis] = batch
            elif isinstance(dimension, str):
                side, _, divisor = dimension.partition("/")
                free[axis] = (multiple // int(divisor or 1)) * steps[side]
        shapes.append(free or None)
    return tuple(shapes)


def _resolve(dimension: int | str, shape: PictureShape) -> int:
    if isinstance(dimension, int):
        return dimension
    side, _, divisor = dimension.partition("/")
    return {"batch": shape.batch, "height": shape.height_px, "width": shape.width_px}[side] // int(divisor or 1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes about torchvision and about names of dimensions."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
