"""Training jobs behind `syndiff train` and `syndiff train-controlnet`, and in the demo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from augment.conditions import Condition
from augment.synthesizers.small_controlnet import SIZES, SmallControlNet, SmallControlNetConfig
from augment.training.controlnet import ControlNetTraining, ControlNetTrainingConfig, train_controlnet
from augment.training.pairs import PairedFrames, join_pairs
from augment.training.stored_pairs import load_pairs
from augment.training.true_pairs import load_true_pairs, true_conditions
from augment.training.widen import widened
from carla_agents.data.provenance import run_record, write_run_record
from carla_agents.data.store import Store
from carla_agents.policies.aim_network import AimConfig, AimNetwork
from carla_agents.training.imitation import ImitationConfig, train_imitation
from carla_agents.training.imitation_data import load_imitation_set
from syndiff.commands.train import Train
from syndiff.commands.train_controlnet import TrainControlnet
from syndiff.progress import steps_bar


def train_policy(options: Train) -> AimNetwork:
    """Train an AIM-class policy with a progress line; see `syndiff train --help`."""
    network = AimConfig()
    data = load_imitation_set(
        Store.read(options.data),
        network,
        conditions=options.conditions or None,
        synthesizers=None if options.synthesized else (),
    )
    config = ImitationConfig(
        network=network,
        steps=options.steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        synthesized_weight=options.synthesized_weight,
        seed=options.seed,
        threads=options.threads,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    write_run_record(options.out, run_record(config, {"train": options.seed}))
    with steps_bar(f"training the policy on {len(data)} pictures", config.steps) as show:
        return train_imitation(
            data, config, options.out, lambda done, losses: show(done, f"path error {losses['path_error_m']:.2f} m")
        )


def train_small_controlnet(options: TrainControlnet, *, split: str | None = None) -> ControlNetTraining:
    """Train the small ControlNet configuration with a progress line; see `syndiff train-controlnet --help`.

    Args:
        options: of the command.
        split: only pairs of this split.
    """
    pairs = join_pairs(paired_drives(Store.read(path), split=split, most=options.most) for path in options.data)
    config = ControlNetTrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size,
        crop_width_px=options.crop_px[0],
        crop_height_px=options.crop_px[1],
        learning_rate=options.learning_rate,
        optimizer=options.optimizer,
        average=options.average,
        mixed_precision=options.mixed_precision,
        seed=options.seed,
        source=options.source,
        network=SmallControlNetConfig(SIZES[options.size or "s"]),
    )
    start = None if options.start is None else SmallControlNet.load(options.start)
    if start is not None and options.size is not None and start.config.channels != SIZES[options.size]:
        start = widened(start, SIZES[options.size], options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    write_run_record(options.out, run_record(config, {"train-controlnet": options.seed}))
    with steps_bar(f"training the ControlNet on {len(pairs)} moments", config.steps) as show:
        return train_controlnet(pairs, config, options.out, lambda done, loss: show(done, f"loss {loss:.3f}"), start)


def paired_drives(store: Store, *, split: str | None = None, most: int | None = None) -> PairedFrames:
    """The moments that a store shows under every one of its paired conditions.

    True variants beside the frames (`syndiff record --pairs`) come first. Without any, drives are partners if their
    names differ only in the condition at the end, as `syndiff record --paired` names them; drives without partners
    are left out.

    Args:
        store: with recorded drives.
        split: only drives of this split.
        most: at most so many moments, spread evenly.

    Raises:
        ValueError: nothing was recorded under two conditions.
    """
    shown = true_conditions(store, split=split)
    if shown:
        return load_true_pairs(store, shown, split=split, most=most)
    partners: dict[str, dict[str, str]] = {}
    for route in store.routes():
        condition = str(route.metadata.get("condition"))
        if split in (None, route.split) and route.route_id.endswith(f"-{condition}"):
            drive = route.route_id.removesuffix(f"-{condition}")
            partners.setdefault(drive, {})[condition] = route.route_id
    conditions = sorted({name for shown in partners.values() for name in shown if len(shown) > 1})
    whole = {drive: shown for drive, shown in partners.items() if set(shown) == set(conditions)}
    if not whole:
        raise ValueError(
            f"{store.root} shows nothing under two conditions; record with `--pairs rain-night`, or the same drives "
            "again with `--paired --conditions clear-day rain-night`"
        )
    routes = {Condition.parse(name): {drive: shown[name] for drive, shown in whole.items()} for name in conditions}
    return load_pairs(dict.fromkeys(routes, store), routes, most)


def read_losses(log: Path, name: str) -> tuple[Sequence[int], Sequence[float]]:
    """Steps and values of one column of a `train.jsonl`."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [line["step"] for line in lines], [line[name] for line in lines]
