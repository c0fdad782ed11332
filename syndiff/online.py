"""What `syndiff evaluate --augment` makes of its options, and how reports tell what became of the pictures."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from augment.conditions import Condition
from augment.online.choice import make_online_synthesizer, network_folder
from augment.online.config import OnlineConfig
from augment.synthesizers.base import Synthesizer
from leaderboard.results import DriveRecord
from syndiff.commands.evaluate import Evaluate


def online_config(options: Evaluate) -> OnlineConfig:
    """Rhythm, budget and fallbacks.

    Raises:
        ValueError: they do not go together.
    """
    return OnlineConfig(options.augment_every, options.budget_ms, options.on_miss, options.on_error, options.overlap)


def source_of(options: Evaluate) -> Condition:
    """The condition that the simulator shows.

    Raises:
        ValueError: several conditions.
    """
    if len(options.conditions) != 1:
        raise ValueError(
            f"--augment shows {options.augment} instead of one condition, --conditions names {options.conditions}"
        )
    return Condition.parse(options.conditions[0])


def online_synthesizer(options: Evaluate) -> Synthesizer | None:
    """Who makes the pictures; None for `relight`, which is made where the simulator is.

    Raises:
        ValueError: weights without a network, or a network that cannot be run.
    """
    if options.synthesizer == "relight":
        return None
    return make_online_synthesizer(
        options.synthesizer, options.backend, options.augment_weights, threads=options.threads
    )


def augmentation_identity(options: Evaluate) -> dict[str, Any] | None:
    """What makes two augmented evaluations the same one; None without `--augment`.

    Raises:
        ValueError: weights are missing.
    """
    if options.augment is None:
        return None
    known = {"target": options.augment, "synthesizer": options.synthesizer, **asdict(online_config(options))}
    if options.synthesizer not in ("procedural", "relight"):
        known |= {"backend": options.backend, "weights": _weights_sha256(options)}
        known |= {"threads": options.threads}
    return known


def _weights_sha256(options: Evaluate) -> str:
    files = sorted(network_folder(options.synthesizer, options.augment_weights).glob("*.safetensors"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def pictures_table(records: Iterable[DriveRecord]) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows: counts per drive and their sum; None if no drive's pictures were augmented."""
    counted = [(str(record.key), record.pictures) for record in records if record.pictures is not None]
    if not counted:
        return None
    names = list(dict.fromkeys(name for _, counts in counted for name in counts))
    rows = [[key, *(str(counts.get(name, 0)) for name in names)] for key, counts in sorted(counted)]
    total = Counter[str]()
    for _, counts in counted:
        total.update(counts)
    return ["drive", *names], [*rows, ["all", *(str(total[name]) for name in names)]]


def pictures_text(records: Iterable[DriveRecord]) -> str:
    """One line with the sums, or nothing."""
    table = pictures_table(records)
    if table is None:
        return ""
    header, rows = table
    told = ", ".join(f"{count} {name}" for name, count in zip(header[1:], rows[-1][1:], strict=True) if count != "0")
    return f"augmented pictures: {told}"
