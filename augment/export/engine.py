"""`build_engine`: an engine of TensorRT or TensorRT-RTX from an ONNX graph, described by a JSON beside it.

TensorRT-RTX builds without a GPU, and its engines run on several generations of them. TensorRT builds on the GPU that
will run the engine. Both have the same Python interface, and both take the precision from the graph.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from augment.export.onnx_graph import OnnxGraph, PictureShape, Precision, check_multiple
from augment.export.sidecar import ExportError, read_sidecar, write_sidecar

FORMAT = "syndiff-engine-1"
Builder = Literal["tensorrt", "tensorrt-rtx"]
_MODULES: dict[Builder, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
_INSTALL: dict[Builder, str] = {
    "tensorrt": "pip install 'syndiff-ad[tensorrt]' --extra-index-url https://pypi.nvidia.com",
    "tensorrt-rtx": "pip install 'syndiff-ad[tensorrt-rtx]'",
}
PORTABLE = "portable"
"""Compute capability of an engine that TensorRT-RTX built for every GPU it supports by default."""


@dataclass(frozen=True)
class EngineShapes:
    """Sizes that an engine can run at: smallest, the one it is made fastest for, largest."""

    batch: tuple[int, int, int] = (1, 1, 4)
    """Pictures at once."""
    height_px: tuple[int, int, int] = (144, 144, 144)
    """Height of a picture."""
    width_px: tuple[int, int, int] = (256, 256, 256)
    """Width of a picture."""

    def __post_init__(self) -> None:
        for name in ("batch", "height_px", "width_px"):
            low, best, high = getattr(self, name)
            if not 1 <= low <= best <= high:
                raise ValueError(f"{name} is {(low, best, high)}; expected smallest, usual, largest, from 1 on")

    def shapes(self) -> tuple[PictureShape, PictureShape, PictureShape]:
        """Smallest, usual and largest."""
        smallest, usual, largest = (
            PictureShape(self.batch[i], self.height_px[i], self.width_px[i]) for i in range(3)
        )
        return smallest, usual, largest

    def holds(self, shape: PictureShape) -> bool:
        """Whether an engine of these shapes can run at this one."""
        return (
            self.batch[0] <= shape.batch <= self.batch[2]
            and self.height_px[0] <= shape.height_px <= self.height_px[2]
            and self.width_px[0] <= shape.width_px <= self.width_px[2]
        )

    def __str__(self) -> str:
        def span(values: tuple[int, int, int]) -> str:
            return str(values[0]) if values[0] == values[2] else f"{values[0]}-{values[2]}"

        return f"{span(self.batch)} pictures of {span(self.width_px)}x{span(self.height_px)} px"


@dataclass(frozen=True)
class Engine:
    """A built engine.

    Attributes:
        path: of the engine file.
        builder: what built it and runs it.
        builder_version: of that package; an engine runs with this version only.
        compute_capability: of the GPU it was built for, e.g. `9.0`; `portable`; or a list as `SM86,SM89`.
        graph: SHA-256 of the ONNX file.
        kind, weights, precision, output, size_multiple_px: as of the graph.
        shapes: sizes it runs at.
    """

    path: Path
    builder: Builder
    builder_version: str
    compute_capability: str
    graph: str
    kind: str
    weights: str
    precision: Precision
    output: str
    size_multiple_px: int
    shapes: EngineShapes

    @classmethod
    def read(cls, path: Path) -> Engine:
        """Read the description of an engine and check that the engine is still the one described.

        Raises:
            ExportError: a file is missing, of another format, or has changed.
        """
        facts = read_sidecar(path, FORMAT)
        try:
            shapes = EngineShapes(**{name: tuple(values) for name, values in facts["shapes"].items()})
            names = ("builder", "builder_version", "compute_capability", "graph", "kind", "weights", "precision")
            rest = {name: facts[name] for name in (*names, "output", "size_multiple_px")}
            return cls(path=path, shapes=shapes, **rest)
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"the description of {path} is incomplete: {error!r}; build it anew") from error

    def check_shape(self, shape: PictureShape) -> None:
        """Check that the engine runs at this size.

        Raises:
            ExportError: it was built for others.
        """
        check_multiple(shape, self.size_multiple_px)
        if not self.shapes.holds(shape):
            raise ExportError(
                f"{self.path.name} was built for {self.shapes}, not for {shape.batch} of "
                f"{shape.width_px}x{shape.height_px}; build one with `syndiff export-engine`, "
                "which takes --batch, --height-px and --width-px"
            )


def build_engine(
    graph: OnnxGraph,
    path: Path,
    builder: Builder,
    shapes: EngineShapes,
    compute_capabilities: tuple[str, ...] = (),
) -> Engine:
    """Write an engine and `<path>.json`.

    Args:
        graph: what to build.
        path: of the engine; the folder is created if absent.
        builder: `tensorrt` needs the GPU that will run it, `tensorrt-rtx` needs none.
        shapes: sizes the engine must run at; one size is fastest.
        compute_capabilities: of TensorRT-RTX, e.g. ("SM86", "SM89"); empty for every GPU it supports by default.

    Raises:
        ExportError: the package or a GPU is missing, a size does not fit, or the builder refuses the graph.
    """
    trt = import_builder(builder)
    for shape in shapes.shapes():
        graph.check_shape(shape)
    if builder == "tensorrt":
        if compute_capabilities:
            raise ExportError("TensorRT builds for the GPU at hand; compute capabilities are for tensorrt-rtx")
        target = device_compute_capability()
    else:
        target = ",".join(compute_capabilities) or PORTABLE
    log = message_log(trt)
    engine_builder = trt.Builder(log)
    network = engine_builder.create_network(0)
    parser = trt.OnnxParser(network, log)
    if not parser.parse_from_file(str(graph.path)):
        reasons = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise ExportError(f"{builder} {trt.__version__} cannot read {graph.path}: {reasons}")
    config = engine_builder.create_builder_config()
    _add_profile(engine_builder, network, config, graph, shapes)
    _set_targets(trt, config, compute_capabilities)
    plan = engine_builder.build_serialized_network(network, config)
    if plan is None:
        raise ExportError(
            f"{builder} {trt.__version__} cannot build {graph.path} in {graph.precision} for {target}: "
            f"{log.reasons()}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_bytes(plan)
    temporary.replace(path)
    facts = {
        "format": FORMAT,
        "builder": builder,
        "builder_version": trt.__version__,
        "compute_capability": target,
        "graph": graph.sha256,
        "kind": graph.kind,
        "weights": graph.weights,
        "precision": graph.precision,
        "output": graph.output,
        "size_multiple_px": graph.size_multiple_px,
        "shapes": asdict(shapes),
    }
    write_sidecar(path, facts)
    return Engine.read(path)


def import_builder(builder: Builder) -> Any:
    """The package `tensorrt` or `tensorrt_rtx`.

    Raises:
        ExportError: it is not installed, or its library cannot be loaded.
    """
    try:
        # The two packages are one interface; which of them is the caller's choice.
        return importlib.import_module(_MODULES[builder])
    except ImportError as error:
        raise ExportError(f"{builder} cannot be imported ({error}); run: {_INSTALL[builder]}") from error


def builder_version(builder: Builder) -> str:
    """Version of the installed package, without loading its libraries' plugins.

    Raises:
        ExportError: it is not installed.
    """
    return str(import_builder(builder).__version__)


def device_compute_capability(device: str = "cuda") -> str:
    """Such as `9.0`.

    Raises:
        ExportError: torch sees no NVIDIA GPU.
    """
    if not torch.cuda.is_available():
        raise ExportError(
            f"torch {torch.__version__} sees no NVIDIA GPU; install the driver and a torch build with CUDA, "
            "or choose --backend onnxruntime"
        )
    return "{}.{}".format(*torch.cuda.get_device_capability(device))


def message_log(trt: Any) -> Any:
    """A logger that keeps warnings and errors; `reasons()` gives the last of them in one line."""

    class MessageLog(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                self.lines.append(message)

        def reasons(self) -> str:
            return " | ".join(self.lines[-3:]) or "it gives no reason"

    return MessageLog()


def _add_profile(builder: Any, network: Any, config: Any, graph: OnnxGraph, shapes: EngineShapes) -> None:
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        name = network.get_input(index).name
        sizes = [graph.shape_of(name, shape) for shape in shapes.shapes()]
        if sizes[0]:  # a number has no size
            profile.set_shape(name, *sizes)
    if config.add_optimization_profile(profile) < 0:
        raise ExportError(f"{shapes} contradict the graph's inputs")


def _set_targets(trt: Any, config: Any, compute_capabilities: tuple[str, ...]) -> None:
    known = [] if not compute_capabilities else [n for n in trt.ComputeCapability.__members__ if n.startswith("SM")]
    for name in compute_capabilities:
        if name not in known:
            raise ExportError(f"tensorrt-rtx does not know the compute capability {name!r}; it knows {known}")
    if compute_capabilities:
        config.num_compute_capabilities = len(compute_capabilities)
        for index, name in enumerate(compute_capabilities):
            config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
