"""`OpenVinoStep`: a one-step network by OpenVINO on the CPU, in 32 bits or, where the CPU has it, in bf16."""

from __future__ import annotations

import importlib.metadata
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np

from augment.export.onnx_graph import OnnxGraph, PictureShape, Precision, require_packages
from augment.export.openvino_core import openvino_core
from augment.export.sidecar import ExportError


class OpenVinoStep:
    """A `StepRunner`.

    Args:
        graph: of a one-step network in 32 bits; OpenVINO brings it to the arithmetic wanted.
        threads: CPU threads.
        precision: `fp32` or `bf16`.
        frames_at_once: so many calls from different threads run side by side and share the CPU threads.

    Raises:
        ExportError: OpenVINO is missing, refuses the graph, or the CPU has no bf16 arithmetic.
    """

    def __init__(self, graph: OnnxGraph, threads: int, precision: Precision, frames_at_once: int = 1) -> None:
        require_packages("openvino")
        import openvino

        if graph.precision != "fp32" or precision == "fp16":
            raise ExportError(f"openvino runs fp32 graphs in fp32 or bf16, not {graph.precision} in {precision}")
        core = openvino_core()
        able = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in able:
            raise ExportError(f"this CPU has no bf16 arithmetic (OpenVINO finds {', '.join(able)}); use fp32")
        hints = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": frames_at_once,
            # Threads tied to cores would fight with the simulator's, and with those of a second process.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            model = core.read_model(graph.path)
        except Exception as error:
            raise ExportError(f"OpenVINO {openvino.__version__} cannot read {graph.path}: {error}") from error
        self._core = core
        self._hints = hints
        self._graph = graph
        self._inputs = {node.get_any_name() for node in model.inputs}
        self._idle: dict[PictureShape, SimpleQueue[Any]] = {}
        self._compiling = Lock()
        self._frames_at_once = frames_at_once
        self.name = "openvino" if precision == "fp32" else f"openvino-{precision}"
        self.provenance: dict[str, Any] = {
            "openvino": importlib.metadata.version("openvino"),
            "graph": graph.sha256,
            "precision": precision,
            "device": "cpu",
            "threads": threads,
        }

    def __call__(
        self, rgb: np.ndarray, groups: np.ndarray, depth_m: np.ndarray, weather: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        arrays = {"rgb": rgb, "groups": groups, "depth_m": depth_m, "weather": weather, "noise": noise}
        shape = PictureShape(len(rgb), rgb.shape[2], rgb.shape[3])
        with self._compiling:
            if shape not in self._idle:
                self._idle[shape] = self._compile(shape)
        request = self._idle[shape].get()
        try:
            # The request owns its result and writes the next one into it.
            return np.array(request.infer({name: arrays[name] for name in arrays if name in self._inputs})[0])
        finally:
            self._idle[shape].put(request)

    def _compile(self, shape: PictureShape) -> SimpleQueue[Any]:
        """Requests for one shape: with its sizes known, OpenVINO needs a third less time in bf16."""
        self._graph.check_shape(shape)
        try:
            model = self._core.read_model(self._graph.path)
            model.reshape({name: list(self._graph.shape_of(name, shape)) for name in self._inputs})
            compiled = self._core.compile_model(model, "CPU", self._hints)
        except Exception as error:
            raise ExportError(f"OpenVINO cannot compile {self._graph.path} for {shape}: {error}") from error
        requests: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self._frames_at_once):
            requests.put(compiled.create_infer_request())
        return requests
