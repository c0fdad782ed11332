"""`OnnxRuntimeStep`: a one-step network by ONNX Runtime on the CPU."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np

from augment.export.onnx_graph import OnnxGraph, require_packages
from augment.export.sidecar import ExportError


class OnnxRuntimeStep:
    """A `StepRunner`.

    Args:
        graph: of a one-step network, in 32 or 16 bits.
        threads: CPU threads; they sleep between frames, the simulator wants the cores.

    Raises:
        ExportError: ONNX Runtime is missing or refuses the graph.
    """

    def __init__(self, graph: OnnxGraph, threads: int) -> None:
        self._session = open_session(graph, threads)
        self._inputs = {node.name for node in self._session.get_inputs()}
        self.name = "onnxruntime" if graph.precision == "fp32" else f"onnxruntime-{graph.precision}"
        self.provenance: dict[str, Any] = {
            "onnxruntime": importlib.metadata.version("onnxruntime"),
            "graph": graph.sha256,
            "precision": graph.precision,
            "device": "cpu",
            "threads": threads,
        }

    def __call__(
        self, rgb: np.ndarray, groups: np.ndarray, depth_m: np.ndarray, weather: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        arrays = {"rgb": rgb, "groups": groups, "depth_m": depth_m, "weather": weather, "noise": noise}
        # A network that does not look at one of them has no such input in its graph.
        return self._session.run(None, {name: arrays[name] for name in arrays if name in self._inputs})[0]


def open_session(graph: OnnxGraph, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` of a graph on the CPU.

    Raises:
        ExportError: ONNX Runtime is missing or refuses the graph.
    """
    require_packages("onnxruntime")
    import onnxruntime

    if graph.precision == "bf16":
        raise ExportError(
            "ONNX Runtime has no bf16 convolution on CPUs; choose --backend openvino or --precision fp32"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph.path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ExportError(f"ONNX Runtime {onnxruntime.__version__} cannot open {graph.path}: {error}") from error
