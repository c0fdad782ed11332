"""`export_onnx`: a segmenter as an ONNX graph of one fixed picture size, for runtimes without torch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from carla_agents.segmentation.segmenter import Segmenter


def export_onnx(segmenter: Segmenter, path: Path, size_px: tuple[int, int]) -> None:
    """Write the graph: `rgb` (1, 3, H, W) float32 in 0..255 -> `scores` (1, C, H, W) float32.

    Args:
        segmenter: what.
        path: the file; its folder exists.
        size_px: (width, height), multiples of the stride.

    Raises:
        ValueError: a size that does not fit.
        ImportError: the packages onnx and onnxscript are missing.
    """
    width, height = size_px
    if width % segmenter.stride_px or height % segmenter.stride_px:
        raise ValueError(
            f"{path}: {width}x{height} pixels are no multiples of {segmenter.stride_px}: choose another size"
        )
    torch.onnx.export(
        _Scores(segmenter).eval(),
        (torch.zeros(1, 3, height, width),),
        path,
        input_names=["rgb"],
        output_names=["scores"],
        dynamo=True,
        external_data=False,
        verbose=False,
    )


class _Scores(nn.Module):
    """The segmenter with its scores as the answer."""

    def __init__(self, segmenter: Segmenter) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, rgb: Tensor) -> Tensor:
        return self.segmenter.logits(rgb)
