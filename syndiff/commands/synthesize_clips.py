"""`syndiff synthesize-clips`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class SynthesizeClips:
    """Show recorded drives under other conditions clip by clip, by a preset here or by a frame server."""

    data: Path
    """Store with recorded drives. Killed at any time, the same command goes on."""
    conditions: tuple[str, ...]
    """Target conditions, e.g. rain-night."""
    preset: str | None = None
    """Preset that makes the clips here, e.g. cosmos; `syndiff presets` lists them."""
    weights: Path | None = None
    """Folder with one subfolder per part of the preset; the hub's cache if absent."""
    server: str | None = None
    """Address of a frame server that makes them instead, e.g. http://127.0.0.1:8473."""
    frames: int = 93
    """Frames of a clip."""
    controls: tuple[Literal["seg", "depth", "edge"], ...] = ()
    """What of the source the preset follows; its own choice if absent."""
    steps: int | None = None
    """Denoising steps; the preset's own number if absent."""
    working_height_px: int | None = None
    """Height at which the network works; the preset's own if absent."""
    device: str = "cpu"
    """cpu, cuda, cuda:1, ..."""
    precision: Literal["fp32", "fp16", "bf16"] = "fp32"
    """Type of the weights; bf16 on accelerators."""
    offload: bool = False
    """Keep parts in main memory until they are needed."""
    source: str = "clear-day"
    """Condition of the drives to start from."""
    split: str = "train"
    """Only routes of this split."""
    seed: int = 0
    """Seeds of all clips are derived from it."""
    threads: int = 2
    """CPU threads."""

    def run(self) -> int:
        from syndiff.clip_synthesis import run_clip_synthesis

        return run_clip_synthesis(self)
