"""Accuracy of the shipped condition classifier on towns it has never seen, as seen and with the tone taken out.

Pictures are taken anew: random street-level poses with traffic, people and lamps, first at the centre of each
condition, then with weather and light spread as in the training. *Normalised* means that each channel of each picture
has mean 0 and variance 1 before the network sees it, and that mean and variance are withheld; the weights are the
same. Goals at the centre, over both towns: 95 % as seen, 90 % normalised.

    python -m benchmarks.condition_classifier --per-condition 50
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

from augment.condition_classifier import ConditionClassifier
from augment.conditions import CORE12
from augment.training.condition_classifier import Accuracy, measure_accuracy
from augment.training.condition_pictures import ConditionPictures
from benchmarks.stopwatch import machine_line
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_server.towns import Split, towns_of
from syndiff.condition_training import take_test_pictures

GOALS = {"as seen": 0.95, "normalised": 0.90}
SEED = 5
"""Other places, traffic and moments than those on the model card."""
GOLDEN_PER_CONDITION = 2


def print_confusion(accuracy: Accuracy) -> None:
    """Rows true, columns told, the same order; `.` for none."""
    for index, (condition, row) in enumerate(zip(CORE12, accuracy.confusion)):
        cells = "".join(f"{count:5d}" if count else "    ." for count in row)
        print(f"    {condition.name:<13}{cells}   {row[index] / row.sum():6.1%} of {row.sum()}")


def write_golden(pictures: ConditionPictures, folder: Path) -> None:
    """The first pictures of each condition as JPEGs, for the test of the shipped weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, condition in enumerate(CORE12):
        for number, row in enumerate(np.flatnonzero(pictures.label == label)[:GOLDEN_PER_CONDITION]):
            path = folder / f"{condition.name}-{number}.jpg"
            cv2.imwrite(str(path), pictures.rgb[row][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-condition", type=int, default=50, help="pictures of each condition and town")
    parser.add_argument("--weights", type=Path, help="another classifier than the shipped one")
    parser.add_argument("--write-golden", type=Path, help="folder for a few of the pictures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    classifier = ConditionClassifier.load(options.weights)
    print(machine_line())
    missed = []
    first_town = towns_of(Split.HELD_OUT)[0]
    with Session.open(SimulatorConfig(map_name=first_town, seed=SEED)) as session:
        for spread, kind in ((0.0, "at the centre"), (1.0, "weather spread")):
            taken = take_test_pictures(session, options.per_condition, SEED, spread=spread)
            if options.write_golden is not None and spread == 0.0:
                write_golden(taken[first_town], options.write_golden)
            for form, goal in GOALS.items():
                each = {
                    town: measure_accuracy(classifier, shown, normalised=form == "normalised")
                    for town, shown in taken.items()
                }
                total = sum(each.values(), start=Accuracy(np.zeros((len(CORE12), len(CORE12)), np.int64)))
                print(f"{kind}, {form}: {total.line()}; " + ", ".join(f"{t} {a.share:.1%}" for t, a in each.items()))
                print_confusion(total)
                if spread == 0.0 and total.share < goal:
                    missed.append(f"{form} {total.share:.1%} < {goal:.0%}")
    if missed:
        raise SystemExit(f"goal missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
