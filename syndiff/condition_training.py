"""The job behind `syndiff train-condition-classifier`: take pictures, train, test on held-out towns, write a card."""

from __future__ import annotations

import torch

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12
from augment.training.condition_classifier import (
    Accuracy,
    ConditionTrainingConfig,
    measure_accuracy,
    train_condition_classifier,
)
from augment.training.condition_pictures import (
    SIZE_PX,
    ConditionPictures,
    Part,
    PictureConfig,
    look_fingerprint,
    take_condition_pictures,
)
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_server.towns import Split, towns_of
from syndiff.commands.train_condition_classifier import TrainConditionClassifier
from syndiff.progress import steps_bar

TRAINING_TOWN = "TownGrid"
TEST_SEED = 1000
"""Away from the seed of the training."""


def train_condition_score(options: TrainConditionClassifier) -> ConditionClassifier:
    """Train and write `model.safetensors`, `config.json` and `README.md`; see the command's help."""
    torch.set_num_threads(options.threads)
    training = ConditionTrainingConfig(epochs=options.epochs, seed=options.seed)
    with Session.open(SimulatorConfig(map_name=TRAINING_TOWN, seed=options.seed)) as session:
        pictures = _take(session, PictureConfig(options.per_condition, Part.WEST, seed=options.seed))
        test = take_test_pictures(session, options.test_per_condition, options.seed, spread=0.0)
    steps = training.epochs * (len(pictures) // training.batch_size)
    with steps_bar(f"training the condition classifier on {len(pictures)} pictures", steps) as show:
        classifier = train_condition_classifier(pictures, training, lambda k, loss: show(k, f"loss {loss:.2f}"))
    measured = {
        form: {
            town: measure_accuracy(classifier, shown, normalised=form == "normalised") for town, shown in test.items()
        }
        for form in ("as seen", "normalised")
    }
    record = {
        "trained_on": f"{TRAINING_TOWN}, western half, {len(pictures)} pictures of {SIZE_PX[0]}x{SIZE_PX[1]} px",
        "pictures": pictures.fingerprint(),
        "look": look_fingerprint(),
        "epochs": options.epochs,
        "seed": options.seed,
        "torch": torch.__version__,
        "accuracy": {
            form: {town: round(accuracy.share, 4) for town, accuracy in of_town.items()}
            for form, of_town in measured.items()
        },
    }
    classifier.save(options.out, record)
    (options.out / "README.md").write_text(_card(record, measured), encoding="utf-8")
    return classifier


def take_test_pictures(
    session: Session, per_condition: int, seed: int, *, spread: float
) -> dict[str, ConditionPictures]:
    """Pictures of the held-out towns, by town.

    Args:
        session: its map is changed.
        per_condition: pictures of each condition in each town.
        seed: of the run.
        spread: 0 for the centre of each condition, 1 for weather and light as in the training.
    """
    taken = {}
    for town in towns_of(Split.HELD_OUT):
        session.load_map(town)
        taken[town] = _take(session, PictureConfig(per_condition, spread=spread, seed=seed + TEST_SEED))
    return taken


def _take(session: Session, config: PictureConfig) -> ConditionPictures:
    total = len(CORE12) * config.per_condition
    with steps_bar(f"taking {total} pictures", total) as show:
        return take_condition_pictures(session, config, lambda done: show(done, ""))


def _card(record: dict, measured: dict[str, dict[str, Accuracy]]) -> str:
    rows = [
        f"| {town}, {form} | {accuracy.line()} |"
        for form, of_town in measured.items()
        for town, accuracy in of_town.items()
    ]
    return "\n".join(
        [
            "# Condition classifier",
            "",
            "Tells the twelve conditions of `augment.conditions.CORE12` apart. Frozen: later stages use it as the",
            "condition score. `augment.condition_classifier.ConditionClassifier.load()` reads it.",
            "",
            "| | |",
            "|---|---|",
            f"| learned from | {record['trained_on']}, weather and light spread around each condition |",
            f"| hash of the pictures, of the renderer | {record['pictures']}, {record['look']} |",
            f"| epochs, seed, torch | {record['epochs']}, {record['seed']}, {record['torch']} |",
            *rows,
            "",
            "Test pictures are of towns that training never saw, at the centre of each condition. *Normalised*: mean",
            "and variance of each picture's channels are withheld; the same weights judge by structure alone.",
            "",
            "**Use.** Frames of the embedded simulator's default style at street level, and variants of them.",
            "",
            "**Limits.** It knows the simulator's weather, not the world's: on photographs its answer means nothing.",
            "It scores which condition a picture shows, not whether the picture is a good one.",
            "",
        ]
    )
