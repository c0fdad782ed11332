"""`EngineSession`: runs an engine on torch's tensors, without copies between frameworks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from augment.export.engine import PORTABLE, Engine, device_compute_capability, import_builder, message_log
from augment.export.sidecar import ExportError


class EngineSession:
    """An engine in the memory of a GPU.

    Args:
        engine: read by `Engine.read`, which has compared it with its description.
        device: of torch, e.g. `cuda` or `cuda:1`.
        cuda_graph: record the launches of a size at its first run and replay them; less time on the CPU for small
            networks.

    Raises:
        ExportError: the engine is of another version or for another GPU, or the package, the driver or a GPU is
            missing.
    """

    def __init__(self, engine: Engine, device: str = "cuda", cuda_graph: bool = False) -> None:
        trt = import_builder(engine.builder)
        if trt.__version__ != engine.builder_version:
            raise ExportError(
                f"{engine.path} was built by {engine.builder} {engine.builder_version}, installed is "
                f"{trt.__version__}; build it anew with `syndiff export-engine`"
            )
        log = message_log(trt)
        self._runtime = trt.Runtime(log)
        loaded = self._runtime.deserialize_cuda_engine(engine.path.read_bytes())
        if loaded is None:
            raise ExportError(_refusal(engine, log.reasons()))
        check_device(engine, device)
        self._engine = loaded
        self._context = _make_context(trt, loaded, engine, cuda_graph)
        if self._context is None:
            raise ExportError(f"{engine.builder} cannot prepare {engine.path} to run: {log.reasons()}")
        self._log = log
        self._description = engine
        self._device = torch.device(device)
        self._types = _tensor_types(trt, loaded)
        self._inputs = [n for n in self._types if loaded.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        self._stream = torch.cuda.Stream(self._device)
        self._captures = cuda_graph and engine.builder == "tensorrt"
        self._captured: dict[tuple[tuple[int, ...], ...], _Captured] = {}

    def __call__(self, inputs: dict[str, Tensor]) -> Tensor:
        """Run once.

        Args:
            inputs: by name, on any device; inputs the graph does not use are ignored.

        Returns:
            The output, on the GPU; with `cuda_graph` it is overwritten by the next run of the same size.

        Raises:
            ExportError: the engine refuses a shape, or fails.
        """
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            given = {
                n: inputs[n].to(self._device, self._types[n], non_blocking=True).contiguous() for n in self._inputs
            }
            output = self._replay(given) if self._captures else self._launch(given)
        current.wait_stream(self._stream)
        # It belongs to our stream and is read in the caller's; without this its memory could be reused too early.
        output.record_stream(current)
        return output

    def _launch(self, given: dict[str, Tensor]) -> Tensor:
        output = self._bind(given)
        self._execute()
        return output

    def _bind(self, given: dict[str, Tensor]) -> Tensor:
        for name, tensor in given.items():
            if not self._context.set_input_shape(name, tuple(tensor.shape)):
                raise ExportError(
                    f"{self._description.path.name} takes no {name} of {tuple(tensor.shape)}; it was built for "
                    f"{self._description.shapes}"
                )
            self._context.set_tensor_address(name, tensor.data_ptr())
        missing = self._context.infer_shapes()
        if missing:
            raise ExportError(f"{self._description.path.name} lacks shapes of {missing}")
        name = self._description.output
        output = torch.empty(
            tuple(self._context.get_tensor_shape(name)), dtype=self._types[name], device=self._device
        )
        self._context.set_tensor_address(name, output.data_ptr())
        return output

    def _execute(self) -> None:
        if not self._context.execute_async_v3(torch.cuda.current_stream(self._device).cuda_stream):
            raise ExportError(f"{self._description.path.name} failed: {self._log.reasons()}")

    def _replay(self, given: dict[str, Tensor]) -> Tensor:
        key = tuple(tuple(tensor.shape) for tensor in given.values())
        captured = self._captured.get(key)
        if captured is None:
            fixed = {name: tensor.clone() for name, tensor in given.items()}
            output = self._bind(fixed)
            self._execute()  # TensorRT wants one run of a shape before it is recorded
            self._stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=self._stream):
                self._execute()
            captured = self._captured[key] = _Captured(fixed, output, graph)
        for name, tensor in given.items():
            captured.inputs[name].copy_(tensor, non_blocking=True)
        captured.graph.replay()
        return captured.output


class _Captured:
    """Recorded launches and the memory they read and write."""

    def __init__(self, inputs: dict[str, Tensor], output: Tensor, graph: Any) -> None:
        self.inputs = inputs
        self.output = output
        self.graph = graph


def _refusal(engine: Engine, reasons: str) -> str:
    if "cudaError 35" in reasons or "driver" in reasons.lower():
        return (
            f"{engine.builder} finds no NVIDIA driver, or one that is too old, to run {engine.path}: {reasons}; "
            "engines need an NVIDIA GPU with its driver; without one choose --backend onnxruntime or openvino"
        )
    return (
        f"{engine.builder} {engine.builder_version} refuses {engine.path}, built for {engine.compute_capability}: "
        f"{reasons}; build it on this machine with `syndiff export-engine`"
    )


def check_device(engine: Engine, device: str) -> None:
    """Check that an engine was built for the GPU at hand.

    Raises:
        ExportError: it was built for another, or torch sees none.
    """
    here = device_compute_capability(device)
    wanted = engine.compute_capability
    if wanted == PORTABLE or here == wanted or f"SM{here.replace('.', '')}" in wanted.split(","):
        return
    raise ExportError(
        f"{engine.path} was built for compute capability {wanted}, {device} has {here}; build it on this GPU with "
        "`syndiff export-engine`"
    )


def _make_context(trt: Any, loaded: Any, engine: Engine, cuda_graph: bool) -> Any:
    if engine.builder == "tensorrt":
        return loaded.create_execution_context()
    config = loaded.create_runtime_config()
    strategies = trt.CudaGraphStrategy
    config.cuda_graph_strategy = strategies.WHOLE_GRAPH_CAPTURE if cuda_graph else strategies.DISABLED
    return loaded.create_execution_context(config)


def _tensor_types(trt: Any, loaded: Any) -> dict[str, torch.dtype]:
    types = {
        trt.DataType.FLOAT: torch.float32,
        trt.DataType.HALF: torch.float16,
        trt.DataType.BF16: torch.bfloat16,
        trt.DataType.INT32: torch.int32,
        trt.DataType.INT64: torch.int64,
        trt.DataType.BOOL: torch.bool,
    }
    names = [loaded.get_tensor_name(i) for i in range(loaded.num_io_tensors)]
    return {name: types[loaded.get_tensor_dtype(name)] for name in names}
