"""LPIPS through its own package, where the package and its backbone's weights are on this machine already."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import torch

_BACKBONE = "alexnet-owt-7be5be79.pth"


class LpipsAbsent(ValueError):
    """LPIPS cannot be computed here; the message says what is missing."""


class Lpips:
    """LPIPS 0.1 with AlexNet. Source: arXiv 1801.03924."""

    def __init__(self) -> None:
        for package in ("torchvision", "lpips"):
            if importlib.util.find_spec(package) is None:
                raise LpipsAbsent(f"LPIPS needs {package}: pip install lpips torchvision")
        weights = Path(torch.hub.get_dir()) / "checkpoints" / _BACKBONE
        if not weights.is_file():
            raise LpipsAbsent(f"LPIPS needs AlexNet's weights at {weights}; nothing is fetched here")
        try:
            import lpips
        except (ImportError, RuntimeError) as error:
            raise LpipsAbsent(f"lpips cannot be imported here: {error}") from error
        self._network = lpips.LPIPS(net="alex", verbose=False).eval()

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 twice -> (N,) float64, 0 for equal pictures."""
        with torch.inference_mode():
            return self._network(_signed(a), _signed(b)).flatten().double().numpy()


def _signed(rgb: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float() / 127.5 - 1.0
