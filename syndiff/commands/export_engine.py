"""`syndiff export-engine`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PrecisionName = Literal["fp32", "fp16", "bf16"]


@dataclass(frozen=True)
class ExportEngine:
    """Write a network as an ONNX graph, compare it with torch, and build an engine for a GPU.

    Writes graph.onnx, parity.json and, with --builder, step.engine; a JSON beside each says what it is.
    """

    out: Path
    """Folder for the files."""
    synthesizer: Literal["embedded", "embedded-m", "translator"] = "embedded"
    """What network: our own small ControlNet, the larger one, or one distilled by `syndiff train-translator`."""
    weights: Path | None = None
    """Folder of the network. embedded: written by `syndiff train-controlnet`, the shipped one if absent."""
    base: Path | None = None
    """Instead of these: folder of a Stable Diffusion 1.x or 2.x model, whose UNet is exported together
    with --controlnet as one graph."""
    controlnet: Path | None = None
    """With --base: folder of the ControlNet."""
    precision: PrecisionName = "fp32"
    """Of the weights. fp32 for ONNX Runtime and OpenVINO; fp16 or bf16 for engines, which compute as their graph."""
    builder: Literal["none", "tensorrt", "tensorrt-rtx"] = "none"
    """tensorrt-rtx builds without a GPU, for GPUs of several generations; tensorrt for the GPU at hand."""
    batch: tuple[int, int, int] = (1, 1, 4)
    """Pictures at once that the engine must take: fewest, usual, most."""
    height_px: tuple[int, int, int] = (144, 144, 144)
    """Height of pictures: smallest, usual, largest."""
    width_px: tuple[int, int, int] = (256, 256, 256)
    """Width of pictures: smallest, usual, largest."""
    compute_capability: tuple[str, ...] = ()
    """For tensorrt-rtx: build for these only, e.g. SM86 SM89."""
    opset: int = 20
    """Version of ONNX's operators; 23 has attention as one operator."""
    threads: int = 2
    """CPU threads of the comparison."""

    def __post_init__(self) -> None:
        if (self.base is None) != (self.controlnet is None):
            raise ValueError("--base and --controlnet belong together")
        if self.base is not None and self.weights is not None:
            raise ValueError("--weights is for embedded and translator; leave it out with --base")
        if self.synthesizer == "translator" and (self.weights is None) == (self.base is None):
            raise ValueError(
                "--synthesizer translator needs --weights, which `syndiff train-translator` writes, and no --base"
            )
        if not 20 <= self.opset <= 24:
            raise ValueError(f"opset is {self.opset}; expected 20 to 24")

    def run(self) -> int:
        from syndiff.exporting import export_engine

        return export_engine(self)
