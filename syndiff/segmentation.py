"""The jobs behind `syndiff train-seg` and `syndiff test-seg`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.store import Store
from carla_agents.segmentation.class_sets import IGNORED, color_ids
from carla_agents.segmentation.lite0 import BACKEND as LITE0
from carla_agents.segmentation.lite0 import Lite0Segmenter, Lite0SegmenterConfig
from carla_agents.segmentation.metrics import MIN_IMAGES, GroupScore, PairedScore
from carla_agents.segmentation.scoring import SegmentationScores, score_segmenter
from carla_agents.segmentation.segmentation_set import SegmentationSetConfig, load_segmentation_set
from carla_agents.segmentation.segmenter import Segmenter
from carla_agents.segmentation.small import SmallSegmenter, SmallSegmenterConfig
from carla_agents.segmentation.training import SegmentationTrainingConfig, train_segmenter
from carla_agents.segmentation.weights import load_segmenter, parameter_count
from syndiff.commands.test_seg import TestSeg
from syndiff.commands.train_seg import TrainSeg
from syndiff.progress import steps_bar
from syndiff.report.page import Page
from syndiff.report.sheets import contact_sheet
from syndiff.variant_names import named_synthesizers


def run_training(options: TrainSeg) -> Segmenter:
    """Train a segmenter with a progress line; see `syndiff train-seg --help`."""
    build = segmenter_builder(options.backend, options.model, options.classes, options.config, options.weights)
    stores = [Store.read(root) for root in options.data]
    chosen = SegmentationSetConfig(
        split=options.split,
        conditions=options.conditions,
        maps=options.maps,
        real=options.real,
        synthesizers=_synthesizers(stores, options),
        synthesized_share=options.synthesized_share,
        balance=options.balance,
        classes=options.classes,
        label_sets=options.label_sets,
    )
    config = SegmentationTrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        optimizer=options.optimizer,
        crop_px=options.crop_px,
        mixed_precision=options.mixed_precision,
        checkpoint_every=options.checkpoint_every,
        seed=options.seed,
        threads=options.threads,
    )
    data = load_segmentation_set(stores, chosen)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    record = {
        "backend": options.backend,
        "model": options.model or options.config,
        "weights": options.weights,
        "set": asdict(chosen),
        "training": asdict(config),
    }
    with PartialState(cpu=not torch.cuda.is_available()).main_process_first():  # the others find the record written
        write_run_record(options.out, run_record(record, {"train-seg": options.seed}))
    for (condition, source), count in data.table().items():
        print(f"{condition:16} {source:12} {count} pictures")
    name = options.model or options.config or options.backend
    with steps_bar(f"training {name} on {len(data)} pictures", config.steps) as show:
        segmenter = train_segmenter(
            build, data, config, options.out, lambda done, loss: show(done, f"loss {loss:.3f}")
        )
    print(f"{options.out}: {parameter_count(segmenter) / 1e6:.2f} million parameters")
    return segmenter


def _synthesizers(stores: list[Store], options: TrainSeg | TestSeg) -> tuple[str, ...] | None:
    if not options.synthesized:
        return ()
    return named_synthesizers(stores, options.synthesizers) if options.synthesizers else None


def segmenter_builder(
    backend: str, model: str | None, classes: str, mmseg_config: str | None = None, weights: Path | None = None
) -> Callable[[], Segmenter]:
    """What makes the wanted network; see `syndiff train-seg --help`.

    Raises:
        ValueError: options that contradict each other.
    """
    if (backend == "transformers") != (model is not None):
        raise ValueError("--model names a network of --backend transformers: give both, or neither")
    if (backend == "mmseg") != (mmseg_config is not None):
        raise ValueError("--config names a network of --backend mmseg: give both, or neither")
    if weights is not None and backend != "mmseg":
        raise ValueError(
            "--weights is for --backend mmseg; for transformers --model names the folder with the weights"
        )

    def build() -> Segmenter:
        if model is not None:
            from carla_agents.segmentation.transformers_models import TransformersSegmenter

            segmenter, fresh = TransformersSegmenter.from_local(model, classes)
            print(f"{model}: {len(fresh)} of {len(segmenter.model.state_dict())} tensors start with random weights")
            return segmenter
        if mmseg_config is not None:
            from carla_agents.segmentation.mmseg_models import MmsegSegmenter, model_settings
            from carla_agents.segmentation.mmseg_weights import absent_weights, weights_hint

            if weights is not None and not weights.is_file():
                raise ValueError(absent_weights(weights, mmseg_config))
            network = MmsegSegmenter(model_settings(mmseg_config, classes), classes)
            if weights is None:
                print(f"{mmseg_config} starts with random weights{weights_hint(mmseg_config)}")
            else:
                print(f"{weights}: {len(network.take_checkpoint(weights))} tensors start with random weights")
            return network
        if backend == LITE0:
            encoder = Lite0Segmenter(Lite0SegmenterConfig(classes))
            encoder.take_imagenet_weights()
            return encoder
        return SmallSegmenter(SmallSegmenterConfig(classes))

    return build


def run_test(options: TestSeg) -> dict[str, Any]:
    """Test one or two segmenters and write `segmentation.json` and `segmentation.html`.

    Returns:
        what was written as JSON.
    """
    torch.set_num_threads(options.threads)
    segmenter = load_segmenter(options.weights)
    stores = [Store.read(root) for root in options.data]
    chosen = SegmentationSetConfig(
        split=options.split,
        conditions=options.conditions,
        maps=options.maps,
        synthesizers=_synthesizers(stores, options),
        classes=segmenter.classes.name,
        label_sets=options.label_sets,
    )
    data = load_segmentation_set(stores, chosen)

    def tested(model: Segmenter, name: Path) -> SegmentationScores:
        with steps_bar(f"testing {name}", len(data)) as show:
            return score_segmenter(
                model, data, seed=options.seed, pad=options.pad, on_picture=lambda done, _: show(done, "")
            )

    first = tested(segmenter, options.weights)
    result: dict[str, Any] = {"weights": str(options.weights), **first.to_json()}
    paired = None
    if options.compare is not None:
        second = tested(load_segmenter(options.compare), options.compare)
        paired = first.compare(second)
        result["compared"] = {
            "weights": str(options.compare),
            "groups": second.to_json()["groups"],
            "second_minus_first": [
                {"condition": condition, "source": source, **asdict(score)}
                for (condition, source), score in paired.items()
            ],
        }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "segmentation.json"
    temporary = path.with_suffix(".json.new")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    _page(options, first, paired, segmenter).write(options.out / "segmentation.html")
    for (condition, source), score in first.scores().items():
        beside = "" if paired is None else _beside(paired[condition, source])
        print(f"{condition:16} {source:12} {score.images:6} pictures  {_number(score)}{beside}")
    print(options.out / "segmentation.html")
    return result


def _page(
    options: TestSeg, test: SegmentationScores, paired: dict[tuple[str, str], PairedScore] | None, model: Segmenter
) -> Page:
    scores = test.scores()
    page = Page(
        "Segmentation per condition",
        f"{options.weights}, {len(test.data)} pictures, classes {test.data.classes.name}; mean IoU of one "
        "accumulated confusion matrix per group, 95 % bootstrap interval over pictures",
    )
    page.notice(
        f"Groups under {MIN_IMAGES} pictures are listed without a number. Recorded and synthesized pictures are "
        "never joined. A class that neither occurs nor is predicted in a group has no IoU and does not count there."
    )
    page.heading("Conditions")
    page.table(
        ("condition", "pictures from", "n", "mIoU", "95 % interval"),
        [
            (condition, source, score.images, *_cells(score.miou, score.low, score.high))
            for (condition, source), score in scores.items()
        ],
    )
    if paired is not None:
        page.heading("Second model minus first")
        page.paragraph(f"{options.compare} against {options.weights}, on the same pictures, resampled together.")
        page.table(
            ("condition", "pictures from", "n", "difference of mIoU", "95 % interval"),
            [
                (condition, source, score.images, *_cells(score.difference, score.low, score.high))
                for (condition, source), score in paired.items()
            ],
        )
    page.heading("Classes")
    shown = {group: score for group, score in scores.items() if score.class_iou}
    if shown:
        page.table(
            ("class", *(f"{condition}, {source}" for condition, source in shown)),
            [
                (c.name, *("-" if (v := score.class_iou[number]) is None else f"{v:.3f}" for score in shown.values()))
                for number, c in enumerate(test.data.classes.classes)
            ],
        )
    else:
        page.paragraph("No group is large enough for numbers.")
    page.heading("Worst pictures")
    for place in test.worst(options.worst):
        page.picture(_worst_strip(test, place, model, options.pad), test.data.samples[place].name)
    return page


def _worst_strip(test: SegmentationScores, place: int, model: Segmenter, pad: bool) -> np.ndarray:
    sample = test.data.samples[place]
    rgb, labels = test.data.load(place)
    shown = model.predict(rgb[None], pad=pad, what=sample.name)[0]
    wrong = np.where(
        ((shown != labels) & (labels != IGNORED))[..., None], np.array([230, 30, 30], np.uint8), rgb // 2
    )
    classes = test.data.classes
    return contact_sheet(
        [
            [
                (f"{sample.condition}, {sample.source}", rgb),
                ("labels", color_ids(labels, classes)),
                ("predicted", color_ids(shown, classes)),
                ("wrong", wrong.astype(np.uint8)),
            ]
        ]
    )


def _cells(value: float | None, low: float | None, high: float | None) -> tuple[str, str]:
    if value is None or low is None or high is None:
        return "-", "-"
    return f"{value:.3f}", f"{low:.3f} to {high:.3f}"


def _beside(score: PairedScore) -> str:
    if score.difference is None:
        return ""
    return f"; the second {score.difference:+.3f} ({score.low:+.3f} to {score.high:+.3f})"


def _number(score: GroupScore) -> str:
    value, interval = _cells(score.miou, score.low, score.high)
    return f"under {MIN_IMAGES} pictures, no number" if value == "-" else f"mIoU {value} ({interval})"
