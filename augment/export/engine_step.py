"""`EngineStep`: a one-step network by an engine of TensorRT or TensorRT-RTX."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from augment.export.engine import Engine
from augment.export.engine_session import EngineSession
from augment.export.onnx_graph import PictureShape


class EngineStep:
    """A `StepRunner`.

    Args:
        engine: of a one-step network.
        device: of torch, e.g. `cuda`.
        cuda_graph: see `EngineSession`.

    Raises:
        ExportError: the engine cannot run here.
    """

    def __init__(self, engine: Engine, device: str, cuda_graph: bool) -> None:
        self._session = EngineSession(engine, device, cuda_graph)
        self._engine = engine
        self.name = f"{engine.builder}-{engine.precision}"
        self.provenance: dict[str, Any] = {
            engine.builder: engine.builder_version,
            "graph": engine.graph,
            "precision": engine.precision,
            "device": f"{torch.cuda.get_device_name(device)}, compute capability {engine.compute_capability}",
            "cuda_graph": cuda_graph,
        }

    def __call__(
        self, rgb: np.ndarray, groups: np.ndarray, depth_m: np.ndarray, weather: np.ndarray, noise: np.ndarray
    ) -> np.ndarray:
        self._engine.check_shape(PictureShape(len(rgb), rgb.shape[2], rgb.shape[3]))
        arrays = {"rgb": rgb, "groups": groups, "depth_m": depth_m, "weather": weather, "noise": noise}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        return np.asarray(self._session(tensors).float().cpu().numpy())
