"""Fine-tunes segmenter, condition classifier and generator on a user's own frames.

The three models are written to one folder with figures before and after on frames that were held out. Steps follow
from a budget of minutes once, are written down, and a run that is stopped goes on with them: the clock never decides
what a model has learned.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from augment.adapt_card import adapted_card
from augment.adapt_data import (
    NotEnoughData,
    Parts,
    labelled_pictures,
    pictures_by_condition,
    split_frames,
    true_pairs,
)
from augment.adapt_figures import classifier_figures, generator_figures, segmenter_figures
from augment.adapt_training import MODELS, AdaptConfig, Model, OnStep, train_model
from augment.calibration import ADAPTED_NAME, looks_of_store
from augment.conditions import Condition
from carla_agents.data.store import Store

FORMAT = "syndiff-adapted-1"
_SHARES: dict[Model, float] = {"segmenter": 0.35, "condition_classifier": 0.08, "generator": 0.47}
"""Of the budget; the rest goes into reading and into the figures."""
_PROBE_STEPS = 8


@dataclass(frozen=True)
class Adaptation:
    """What was adapted.

    Attributes:
        looks: of the store, where the guard's two models have learned them; empty otherwise.
        models: what was adapted, with steps and figures before and after.
        left: what was not, and why; its weights are those to begin with.
    """

    looks: tuple[str, ...]
    models: dict[Model, dict[str, Any]]
    left: dict[Model, str]


def adapt(store: Store, out: Path, config: AdaptConfig, on_step: OnStep | None = None) -> Adaptation:
    """Fine-tune what the store has data for; called again with the same arguments it goes on where it was stopped.

    Args:
        store: with labels, conditions and, for the generator, true variants.
        out: receives `segmenter/`, `condition_classifier/`, `generator/`, `adapted.json` and `README.md`.
        config: how.
        on_step: for a progress bar.

    Raises:
        NotEnoughData: the store lacks what a wanted model needs, or has data for none.
        ValueError: `out` holds another adaptation, or weights to begin with are missing.
        StoreError: a picture is damaged.
    """
    torch.set_num_threads(config.threads)
    parts = split_frames(store)
    data, left = _data(store, parts, config)
    out.mkdir(parents=True, exist_ok=True)
    steps = _steps(out, store, data, config)
    trained: dict[Model, dict[str, Any]] = {}
    for model in MODELS:
        if model in left:
            _copy(config.folder_of(model), out / model)
            continue
        # The segmenter comes first: by now it knows the look that the generator is to learn.
        segmenter = out / "segmenter" if model == "generator" and (out / "segmenter").is_dir() else None
        train_model(model, data[model], config, steps[model], out / model, on_step, segmenter)
        trained[model] = {"steps": steps[model]}
    for model, figures in _figures(store, parts, out, config, tuple(trained)).items():
        trained[model] |= figures
    judged = {"segmenter", "condition_classifier"} <= set(trained)
    result = Adaptation(tuple(sorted(looks_of_store(store))) if judged else (), trained, left)
    _finish(store, out, config, result)
    return result


def _data(store: Store, parts: Parts, config: AdaptConfig) -> tuple[dict[Model, Any], dict[Model, str]]:
    readers: dict[Model, Callable[[], Any]] = {
        "segmenter": lambda: labelled_pictures(store, parts.learn),
        "condition_classifier": lambda: pictures_by_condition(store, parts.learn, 150),
        "generator": lambda: true_pairs(store, parts.learn, Condition.parse(config.source), config.most_moments),
    }
    data: dict[Model, Any] = {}
    left: dict[Model, str] = {}
    for model in MODELS:
        if config.models and model not in config.models:
            left[model] = "not asked for"
            continue
        try:
            if not config.folder_of(model).is_dir():
                raise NotEnoughData(f"there are no weights of a {model} to begin with in {config.folder_of(model)}")
            data[model] = readers[model]()
        except NotEnoughData as error:
            if config.models:
                raise
            left[model] = str(error)
    if not data:
        raise NotEnoughData("nothing can be adapted: " + "; ".join(f"{name}: {why}" for name, why in left.items()))
    return data, left


def _steps(out: Path, store: Store, data: dict[Model, Any], config: AdaptConfig) -> dict[Model, int]:
    """Steps of each model: found from an earlier call, or measured and written down."""
    path = out / "steps.json"
    frames = [frame.files["rgb"].crc32 for frame in store.frames()]
    identity = json.loads(json.dumps({"config": asdict(config), "frames": frames, "models": list(data)}, default=str))
    if path.is_file():
        there = json.loads(path.read_text(encoding="utf-8"))
        if there["identity"] != identity:
            raise ValueError(f"{out} holds the adaptation to other frames or of another configuration: use another")
        return dict(there["steps"])
    steps = {model: config.steps or _affordable(model, data[model], config, list(data)) for model in data}
    temporary = path.with_suffix(".json.new")
    temporary.write_text(json.dumps({"steps": steps, "identity": identity}) + "\n", encoding="utf-8")
    os.replace(temporary, path)
    return steps


def _affordable(model: Model, data: Any, config: AdaptConfig, models: list[Model]) -> int:
    share = _SHARES[model] * sum(_SHARES.values()) / sum(_SHARES[name] for name in models)
    told_s: list[float] = []

    def tell(*_: object) -> None:
        told_s.append(time.monotonic() if config.clock == "wall" else time.process_time() / config.threads)

    with tempfile.TemporaryDirectory() as folder:
        train_model(model, data, config, _PROBE_STEPS, Path(folder) / model, tell)
    return affordable_steps(told_s, 60.0 * config.minutes * share)


def affordable_steps(told_s: list[float], budget_s: float) -> int:
    """Steps that fit a budget, by the median of the steps of a probe: a moment's other work does not decide.

    Args:
        told_s: when each step of the probe was done, at least two.
        budget_s: seconds of the same clock.
    """
    seconds_per_step = float(np.median(np.diff(told_s)))
    return max(_PROBE_STEPS, int(budget_s / max(seconds_per_step, 1e-4)))


def _figures(
    store: Store, parts: Parts, out: Path, config: AdaptConfig, models: tuple[Model, ...]
) -> dict[Model, dict[str, Any]]:
    """Before and after, on the frames that were held out; the generator is judged by the models after."""
    found: dict[Model, dict[str, Any]] = {}
    before = {model: config.folder_of(model) for model in MODELS}
    if "segmenter" in models:
        labelled = labelled_pictures(store, parts.held_out, 120)
        found["segmenter"] = {
            when: segmenter_figures(folder, labelled)
            for when, folder in (("before", before["segmenter"]), ("after", out / "segmenter"))
        }
    if "condition_classifier" in models:
        pictures = pictures_by_condition(store, parts.held_out, 20)
        found["condition_classifier"] = {
            when: classifier_figures(folder, pictures)
            for when, folder in (
                ("before", before["condition_classifier"]),
                ("after", out / "condition_classifier"),
            )
        }
    if "generator" in models:
        pairs = true_pairs(store, parts.held_out, Condition.parse(config.source), 12)
        found["generator"] = {
            when: generator_figures(folder, pairs, config.source, out / "segmenter", out / "condition_classifier")
            for when, folder in (("before", before["generator"]), ("after", out / "generator"))
        }
    return found


def _copy(source: Path, target: Path) -> None:
    if not source.is_dir() or target.exists():
        return
    temporary = target.with_name(target.name + ".new")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary)
    os.replace(temporary, target)


def _finish(store: Store, out: Path, config: AdaptConfig, result: Adaptation) -> None:
    record = {
        "format": FORMAT,
        "looks": list(result.looks),
        "models": result.models,
        "not_adapted": result.left,
        "frames": len(store.frames()),
        "config": json.loads(json.dumps(asdict(config), default=str)),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    (out / "README.md").write_text(adapted_card(record, sorted(looks_of_store(store))), encoding="utf-8")
    temporary = out / (ADAPTED_NAME + ".new")
    temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, out / ADAPTED_NAME)
