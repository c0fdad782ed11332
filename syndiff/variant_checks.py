"""What `syndiff synthesize` puts around a synthesizer: protected classes, rain, the guard, looks."""

from __future__ import annotations

from pathlib import Path

from augment.calibration import check_calibrated
from augment.condition_classifier import ConditionClassifier
from augment.guard import Guard, GuardConfig
from augment.synthesizers.embedded import EMBEDDED_NAMES
from carla_agents.data.store import Store
from carla_agents.segmentation.weights import load_segmenter
from syndiff.commands.synthesize import Synthesize

_WITHOUT_NETWORK = ("procedural", "relight")


def protects(options: Synthesize) -> bool:
    """Whether protected classes are put back: only networks lose them."""
    return options.protect and options.synthesizer not in _WITHOUT_NETWORK


def has_puddles(options: Synthesize) -> bool:
    """Whether variants in rain get puddles."""
    return draws_streaks(options) or (
        options.drawn_rain == "networks" and options.synthesizer not in _WITHOUT_NETWORK
    )


def draws_streaks(options: Synthesize) -> bool:
    """Whether streaks of rain are drawn over variants, and not by the network."""
    return options.drawn_rain != "none" and options.synthesizer in EMBEDDED_NAMES


def guards(options: Synthesize) -> bool:
    """Whether variants are judged."""
    if options.synthesizer == "relight":
        return False
    return options.guard == "all" or (options.guard == "networks" and options.synthesizer not in _WITHOUT_NETWORK)


def make_guard(options: Synthesize) -> Guard:
    """The guard with the shipped models, or with those of `--adapted` that are there.

    Raises:
        ValueError: a model in that folder is damaged.
    """
    segmenter, classifier = _part(options, "segmenter"), _part(options, "condition_classifier")
    return Guard(
        segmenter=None if segmenter is None else load_segmenter(segmenter),
        classifier=None if classifier is None else ConditionClassifier.load(classifier),
    )


def most_flicker(options: Synthesize) -> float | None:
    """The limit of the guard, where variants of consecutive frames are compared; None where they are not."""
    return GuardConfig().most_flicker if options.flicker and guards(options) else None


def generator_weights(options: Synthesize) -> Path | None:
    """Folder of the synthesizer's network: `--weights`, else the adapted generator for `embedded`."""
    if options.weights is not None or options.synthesizer != "embedded":
        return options.weights
    return _part(options, "generator")


def calibration_mark(options: Synthesize, store: Store) -> dict[str, str]:
    """Whether the models know the store's look, for the provenance of every variant; nothing where none is used.

    Raises:
        Uncalibrated: they do not, and that was not allowed.
    """
    # Weights of the user's own are the user's to vouch for; the guard's models are asked all the same.
    own_look = options.synthesizer in EMBEDDED_NAMES and options.weights is None
    if not guards(options) and not own_look:
        return {}
    told = check_calibrated(store, options.adapted, allow_uncalibrated=options.allow_uncalibrated)
    return {"calibration": told}


def _part(options: Synthesize, name: str) -> Path | None:
    if options.adapted is None:
        return None
    folder = options.adapted / name
    return folder if folder.is_dir() else None
