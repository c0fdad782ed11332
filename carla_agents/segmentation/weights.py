"""A trained segmenter on disk: `weights.safetensors` and `segmenter.json`; never a pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from carla_agents.segmentation.lite0 import BACKEND as LITE0
from carla_agents.segmentation.lite0 import Lite0Segmenter, Lite0SegmenterConfig
from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.small import BACKEND as SMALL
from carla_agents.segmentation.small import FORM, SmallSegmenter, SmallSegmenterConfig
from carla_agents.training.checkpoints import read_tensors, write_tensors

WEIGHTS_NAME, FORM_NAME = "weights.safetensors", "segmenter.json"
FORMAT = "syndiff-segmenter"


def save_segmenter(segmenter: Segmenter, folder: Path, facts: dict[str, Any]) -> None:
    """Write weights and description; each file is complete or absent.

    Args:
        segmenter: what.
        folder: where to; created if absent.
        facts: JSON-able, how it was trained.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS_NAME, dict(segmenter.state_dict()), {"format": FORMAT})
    form = {"format": FORMAT, "version": 1, **segmenter.describe(), "training": facts}
    temporary = folder / (FORM_NAME + ".new")
    temporary.write_text(json.dumps(form, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / FORM_NAME)


def load_segmenter(folder: Path) -> Segmenter:
    """The segmenter that `save_segmenter` wrote, in evaluation mode on the CPU.

    Raises:
        ValueError: not such a folder, damaged, a pickle, or weights of another architecture; names the file.
    """
    path = folder / FORM_NAME
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} is no trained segmenter ({error}): train one with `syndiff train-seg`") from error
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        raise ValueError(f"{path} does not describe a segmenter: give the folder that `syndiff train-seg` wrote")
    segmenter = build_segmenter({k: v for k, v in form.items() if k not in ("format", "version", "training")})
    take_weights(segmenter, folder / WEIGHTS_NAME)
    return segmenter.eval()


def build_segmenter(description: dict[str, Any]) -> Segmenter:
    """A segmenter with random weights from `Segmenter.describe()`.

    Raises:
        ValueError: a back end or architecture that this version does not know.
    """
    backend = description.get("backend")
    try:
        if backend == SMALL:
            if description.get("form") != FORM:
                raise ValueError(
                    f"the small segmenter has form {description.get('form', 1)}, this version knows form {FORM}: "
                    "use the version that trained it, or train it again"
                )
            return SmallSegmenter(SmallSegmenterConfig(description["classes"], tuple(description["widths"])))
        if backend == LITE0:
            return Lite0Segmenter(Lite0SegmenterConfig(description["classes"], int(description["width"])))
        if backend == "transformers":
            from transformers import AutoConfig

            from carla_agents.segmentation.transformers_models import TransformersSegmenter

            settings = {k: v for k, v in description["config"].items() if k != "model_type"}
            config = AutoConfig.for_model(description["config"]["model_type"], **settings)
            return TransformersSegmenter(config, description["classes"])
        if backend == "mmseg":
            from carla_agents.segmentation.mmseg_models import MmsegSegmenter

            return MmsegSegmenter(description["model"], description["classes"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"the description of the segmenter is incomplete ({error}): train it again") from error
    raise ValueError(
        f"back end {backend!r} is not one of {SMALL}, {LITE0}, transformers, mmseg: use the version that trained it"
    )


def take_weights(segmenter: Segmenter, path: Path) -> None:
    """Fill a segmenter with the tensors of a safetensors file; all must be there and fit.

    Raises:
        ValueError: absent, a pickle, damaged, or of another architecture.
    """
    tensors = read_tensors(path)[0]
    own = segmenter.state_dict()
    missing, extra = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    shapes = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if missing or extra or shapes:
        wrong = (
            f"{shapes[0]} is {tuple(tensors[shapes[0]].shape)}, expected {tuple(own[shapes[0]].shape)}"
            if shapes
            else f"{len(missing)} tensors are missing ({missing[:2]}), {len(extra)} are strange ({extra[:2]})"
        )
        raise ValueError(f"{path} holds weights of another architecture: {wrong}; give the folder they belong to")
    segmenter.load_state_dict(tensors)


def parameter_count(segmenter: torch.nn.Module) -> int:
    """Trainable numbers of a network."""
    return sum(p.numel() for p in segmenter.parameters() if p.requires_grad)
