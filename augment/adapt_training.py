"""How each of the three models is fine-tuned to a user's frames."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from augment.adapt_data import NotEnoughData
from augment.condition_classifier import SHIPPED_WEIGHTS, ConditionClassifier
from augment.conditions import DOMINANT, Condition
from augment.synthesizers.embedded import default_embedded_folder
from augment.synthesizers.small_controlnet import SmallControlNet
from augment.training.condition_classifier import ConditionTrainingConfig, train_condition_classifier
from augment.training.condition_pictures import ConditionPictures
from augment.training.controlnet import ControlNetTrainingConfig, train_controlnet
from augment.training.pairs import PairedFrames
from carla_agents.segmentation.default import DEFAULT_FOLDER
from carla_agents.segmentation.segmentation_set import SegmentationSet
from carla_agents.segmentation.small import SmallSegmenter
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.weights import load_segmenter
from carla_agents.training.precision import MixedPrecision, native_precision

Model = Literal["segmenter", "condition_classifier", "generator"]
MODELS: tuple[Model, ...] = ("segmenter", "condition_classifier", "generator")
_BATCH = 8
_GENERATOR_BATCH = 4
"""Many small steps: in equal time they go further than fewer with twice the crops."""

OnStep = Callable[[Model, int, int, float], None]
"""Called with model, steps done, all its steps, loss."""


@dataclass(frozen=True)
class AdaptConfig:
    """What is adapted, and how long."""

    minutes: float = 20.0
    """Budget of training time on this machine."""
    clock: Literal["wall", "cpu"] = "wall"
    """How the minutes are counted when they are turned into steps; cpu: CPU time over threads, so that a busy machine
    gives as many steps as an idle one, and takes longer."""
    models: tuple[Model, ...] = ()
    """Which; empty takes all that the store has data for."""
    source: str = DOMINANT.name
    """Condition that the generator starts from."""
    segmenter: Path | None = None
    """Folder of the segmenter to begin with; None takes the shipped one."""
    condition_classifier: Path | None = None
    """Folder of the condition classifier to begin with; None takes the shipped one."""
    generator: Path | None = None
    """Folder of the generator to begin with; None takes the shipped one."""
    steps: int | None = None
    """Steps of every model, instead of the budget."""
    mixed_precision: MixedPrecision = field(default_factory=native_precision)
    """bf16: segmenter and generator compute convolutions in half precision; the default where the processor has it,
    where a step of the segmenter takes two thirds of the time and the losses are the same."""
    most_moments: int = 250
    """Paired moments that the generator learns from at most; each costs 1.4 MB of memory at 256x144."""
    seed: int = 0
    """Decides batches and crops."""
    threads: int = 2
    """CPU threads; part of what makes a run repeatable to the bit."""

    def __post_init__(self) -> None:
        if not 0.0 < self.minutes <= 10_000.0:
            raise ValueError(f"minutes is {self.minutes}; expected above 0")
        if self.clock not in ("wall", "cpu"):
            raise ValueError(f"clock is {self.clock!r}; expected wall or cpu")
        unknown = sorted(set(self.models) - set(MODELS))
        if unknown:
            raise ValueError(f"models is {self.models}; expected some of {MODELS}")
        for name in ("threads", "most_moments"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps is {self.steps}; expected at least 1")
        if self.mixed_precision not in ("no", "bf16"):
            raise ValueError(f"mixed_precision is {self.mixed_precision!r}; expected no or bf16")
        Condition.parse(self.source)

    def folder_of(self, model: Model) -> Path:
        """Where the weights to begin with are."""
        given: Path | None = getattr(self, model)
        if given is not None:
            return given
        if model == "segmenter":
            return DEFAULT_FOLDER
        return SHIPPED_WEIGHTS if model == "condition_classifier" else default_embedded_folder()


def train_model(
    model: Model,
    data: Any,
    config: AdaptConfig,
    steps: int,
    folder: Path,
    on_step: OnStep | None,
    segmenter: Path | None = None,
) -> None:
    """Train one model into a folder, or go on where a stopped run left it.

    Args:
        model: which.
        data: what it learns from, of `augment.adapt_data`.
        config: how.
        steps: of the optimizer.
        folder: receives the weights.
        on_step: for a progress bar.
        segmenter: folder of one that knows the look; the loss of the generator looks through it. Where it is None or
            holds another network than the small one, the loss looks through the shipped one.
    """

    def tell(done: int, loss: float) -> None:
        if on_step is not None:
            on_step(model, done, steps, loss)

    if model == "segmenter":
        _train_segmenter(data, config, steps, folder, tell)
    elif model == "condition_classifier":
        _train_classifier(data, config, steps, folder, tell)
    else:
        _train_generator(data, config, steps, folder, segmenter, tell)


def _train_segmenter(
    data: SegmentationSet, config: AdaptConfig, steps: int, folder: Path, tell: Callable[[int, float], None]
) -> None:
    start = config.folder_of("segmenter")
    training = SegmentationTrainingConfig(
        steps=steps,
        batch_size=_BATCH,
        learning_rate=1e-3,
        crop_px=_crop_px(data.size_px(), (160, 112)),
        mixed_precision=config.mixed_precision,
        checkpoint_every=100,
        seed=config.seed,
        threads=config.threads,
    )
    train_segmenter(lambda: load_segmenter(start), data, training, folder, tell)


def _train_classifier(
    data: ConditionPictures, config: AdaptConfig, steps: int, folder: Path, tell: Callable[[int, float], None]
) -> None:
    if (folder / "config.json").is_file():  # it takes a minute and keeps no checkpoints: it is there or it is not
        return
    batch = min(32, len(data))
    epochs = max(1, round(steps / (len(data) // batch)))
    training = ConditionTrainingConfig(epochs=epochs, batch_size=batch, learning_rate=1e-3, seed=config.seed)
    start = ConditionClassifier.load(config.condition_classifier)
    classifier = train_condition_classifier(data, training, tell, start)
    temporary = folder.with_name(folder.name + ".new")
    shutil.rmtree(temporary, ignore_errors=True)
    classifier.save(temporary, {"adapted_from": len(data), "epochs": epochs, "seed": config.seed})
    os.replace(temporary, folder)


def _train_generator(
    data: PairedFrames,
    config: AdaptConfig,
    steps: int,
    folder: Path,
    segmenter: Path | None,
    tell: Callable[[int, float], None],
) -> None:
    seeing = None if segmenter is None else load_segmenter(segmenter)
    start = SmallControlNet.load(config.folder_of("generator"))
    height, width = data.seg.shape[1:]
    crop = _crop_px((width, height), (160, 96))
    training = ControlNetTrainingConfig(
        steps=steps,
        batch_size=_GENERATOR_BATCH,
        crop_width_px=crop[0],
        crop_height_px=crop[1],
        learning_rate=1e-3,
        source=config.source,
        mixed_precision=config.mixed_precision,
        checkpoint_every=100,
        seed=config.seed,
    )
    train_controlnet(data, training, folder, tell, start, seeing if isinstance(seeing, SmallSegmenter) else None)


def _crop_px(size_px: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    width, height = (min(want, have) // 16 * 16 for want, have in zip(wanted, size_px))
    if not width or not height:
        raise NotEnoughData(f"pictures of {size_px[0]}x{size_px[1]} px are too small; expected at least 16x16")
    return width, height
