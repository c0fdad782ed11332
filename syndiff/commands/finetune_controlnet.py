"""`syndiff finetune-controlnet`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class FinetuneControlnet:
    """Fine-tune the ControlNet of preset `syndiff` on a store's labelled frames and their true variants."""

    data: Path
    """Store with labels."""
    base: Path
    """Folder of Stable Diffusion 1.5 in diffusers' layout; stays as it is."""
    controlnet: Path
    """Folder of the ControlNet to start from, e.g. control_v11p_sd15_seg."""
    out: Path
    """Folder for the result; an interrupted run found there is continued."""
    split: str = "train"
    """Only routes of this split."""
    height_px: int = 512
    """Height that frames are brought to; a multiple of 8."""
    lora_rank: int = 0
    """0: all weights. Above: a LoRA of this rank, merged at the end."""
    steps: int = 2000
    """Optimizer steps."""
    batch_size: int = 4
    """Pictures per step."""
    learning_rate: float = 1e-5
    """A LoRA takes about ten times as much."""
    equal_conditions: bool = True
    """Every condition as often as any other, however rare."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16: on accelerators that have it."""
    cpu: bool = False
    """Stay on the CPU."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    seed: int = 0
    """Decides batches and noise."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.generator_training import finetune

        finetune(self)
        return 0
