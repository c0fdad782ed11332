"""Audit: which condition every picture shows, what is rare, and which classes the pictures hold.

Where a condition was recorded, that is the truth; where only CARLA's weather was, it is read off the weather; else a
classifier is asked, and the row says which.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from augment.conditions import CONDITIONS, CORE12
from augment.picture_source import PictureSource, SourcePicture
from carla_agents.data.disk import read_file
from carla_server.semantics import SemanticTag

FORMAT, VERSION = "syndiff-audit", 1


class PictureClassifier(Protocol):
    """Tells conditions from pictures."""

    name: str
    """Recorded with every picture that it judged."""
    provenance: dict[str, Any]
    """What decides its answers: weights, words; plain values for JSON."""
    conditions: tuple[str, ...]
    """Names, in the order of the scores."""

    def score(self, rgb: np.ndarray) -> np.ndarray:
        """(N, H, W, 3) uint8 RGB -> (N, C) float32 probabilities."""
        ...


@dataclass(frozen=True)
class AuditConfig:
    """What is counted."""

    least_pixels: int = 10
    """A class is in a picture if so many pixels show it."""
    rare_share: float = 0.05
    """Conditions with a smaller share of the pictures are rare."""
    sure: float = 0.5
    """A classifier's answer below this probability is counted as unsure."""

    def __post_init__(self) -> None:
        if self.least_pixels < 1:
            raise ValueError(f"least_pixels is {self.least_pixels}; expected at least 1")
        for name in ("rare_share", "sure"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1")


@dataclass(frozen=True)
class AuditedSource:
    """A store or a folder of pictures; see `PictureSource`."""

    path: str
    kind: str
    fingerprint: str


@dataclass(frozen=True)
class AuditedPicture:
    """One row.

    Attributes:
        source: index in `Audit.sources`.
        key: of the stored frame, or the file's name below its folder.
        split: of the frame's route; empty for folders.
        condition: what it shows.
        told_by: `recorded`, `weather`, or the classifier's name.
        probability: the classifier's, None for truth.
        classes: names of the CARLA tags in it, None without labels.
    """

    source: int
    key: str
    split: str
    condition: str
    told_by: str
    probability: float | None
    classes: tuple[str, ...] | None


@dataclass(frozen=True)
class Audit:
    """What a set of pictures shows.

    Attributes:
        sources: where they are.
        pictures: one row each.
        classifier: name and provenance of the classifier, None if none was asked.
        config: what was counted.
    """

    sources: tuple[AuditedSource, ...]
    pictures: tuple[AuditedPicture, ...]
    classifier: dict[str, Any] | None
    config: AuditConfig

    def counts(self, split: str | None = None) -> dict[str, int]:
        """Pictures per condition, in the order of the table of conditions, zeros included."""
        found = Counter(p.condition for p in self.pictures if split in (None, p.split))
        return {name: found.get(name, 0) for name in CONDITIONS}

    def rare(self) -> list[str]:
        """Conditions with a share below `rare_share`, the rarest first; missing ones only of `core12`."""
        counts = self.counts()
        core = {condition.name for condition in CORE12}
        limit = self.config.rare_share * len(self.pictures)
        names = [name for name, count in counts.items() if count < limit and (count or name in core)]
        return sorted(names, key=lambda name: counts[name])

    def told_by(self) -> dict[str, int]:
        """Who told the condition -> pictures."""
        return dict(Counter(p.told_by for p in self.pictures).most_common())

    def unsure(self) -> int:
        """Pictures whose classifier gave its answer less than `sure`."""
        return sum(p.probability is not None and p.probability < self.config.sure for p in self.pictures)

    def labelled(self) -> int:
        """Pictures with labels."""
        return sum(p.classes is not None for p in self.pictures)

    def presence(self) -> dict[str, float]:
        """Class -> share of the labelled pictures that show it, in the order of the tags; empty without labels."""
        count = self.labelled()
        found = Counter(name for p in self.pictures for name in p.classes or ())
        return {tag.name.lower(): found[tag.name.lower()] / count for tag in SemanticTag} if count else {}

    def to_json(self) -> dict[str, Any]:
        """Plain values; what `read_audit` reads."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "sources": [asdict(source) for source in self.sources],
            "classifier": self.classifier,
            "config": asdict(self.config),
            "counts": self.counts(),
            "rare": self.rare(),
            "told_by": self.told_by(),
            "unsure": self.unsure(),
            "presence": {name: round(share, 6) for name, share in self.presence().items()},
            "pictures": [asdict(picture) for picture in self.pictures],
        }


def audit(
    sources: Sequence[PictureSource],
    config: AuditConfig,
    make_classifier: Callable[[], PictureClassifier],
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Audit:
    """Look at every picture.

    Args:
        sources: from `open_pictures`.
        config: what to count.
        make_classifier: called once, when the first picture without a recorded condition is met.
        on_progress: called after each picture with (done, pictures, key).

    Raises:
        ValueError: a picture that cannot be decoded, or whatever `make_classifier` raises.
        StoreError: a picture or its labels are damaged.
    """
    classifier: PictureClassifier | None = None
    rows: list[AuditedPicture] = []
    total = sum(len(source.pictures) for source in sources)
    for number, source in enumerate(sources):
        for picture in source.pictures:
            classes = _classes(picture, config.least_pixels)
            if picture.recorded is not None:
                condition, told_by = picture.recorded
                row = AuditedPicture(number, picture.key, picture.split, condition, told_by, None, classes)
            else:
                if classifier is None:
                    classifier = make_classifier()
                scores = classifier.score(picture.load_rgb()[None])[0]
                best = int(scores.argmax())
                condition, probability = classifier.conditions[best], round(float(scores[best]), 4)
                told_by = classifier.name
                row = AuditedPicture(number, picture.key, picture.split, condition, told_by, probability, classes)
            rows.append(row)
            if on_progress is not None:
                on_progress(len(rows), total, picture.key)
    about = None if classifier is None else {"name": classifier.name, **classifier.provenance}
    described = tuple(AuditedSource(str(s.path), s.kind, s.fingerprint) for s in sources)
    return Audit(described, tuple(rows), about, config)


def read_audit(path: Path) -> Audit:
    """Read `Audit.to_json` back.

    Raises:
        ValueError: it is something else, or of another version.
    """
    try:
        record = json.loads(read_file(path, max_bytes=1 << 30))
        if record["format"] != FORMAT or record["version"] != VERSION:
            raise ValueError(f"format is {record['format']!r} version {record['version']!r}")
        rows = tuple(AuditedPicture(**row) for row in record["pictures"])
        return Audit(
            tuple(AuditedSource(**row) for row in record["sources"]),
            tuple(row if row.classes is None else replace(row, classes=tuple(row.classes)) for row in rows),
            record["classifier"],
            AuditConfig(**record["config"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no audit of version {VERSION} ({error}); write one with `syndiff audit`"
        ) from error


def _classes(picture: SourcePicture, least_pixels: int) -> tuple[str, ...] | None:
    if picture.load_seg is None:
        return None
    pixels = np.bincount(picture.load_seg().ravel(), minlength=256)
    return tuple(tag.name.lower() for tag in SemanticTag if pixels[tag] >= least_pixels)
