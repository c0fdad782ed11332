"""`Plan`: which variants of which frames shall be made, as one file that synthesis executes and checks off.

The file names every variant and the fingerprint of the frames they are made from, so that it can be executed later,
elsewhere and in shards, on exactly these frames. What is done is not written into it: the store is the only ledger,
and `progress` reads it off there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from augment.audit import Audit
from augment.conditions import CORE12, DOMINANT, Condition
from augment.picture_source import fingerprint
from augment.seeds import derive_seed
from augment.source_choice import choose_sources, class_weights
from augment.synthesize import variant_seed
from augment.target_shares import allocate, tempered_shares
from augment.work import VariantTask
from carla_agents.data.disk import Disk, read_file, write_file
from carla_agents.data.store import Store

FORMAT, VERSION = "syndiff-plan", 1


@dataclass(frozen=True)
class PlanConfig:
    """What is wanted."""

    count: int | None = None
    """Variants in all; give this or ratio."""
    ratio: float | None = None
    """Variants for each recorded picture."""
    conditions: tuple[str, ...] = tuple(c.name for c in CORE12)
    """Conditions that the mixture is made of."""
    source: str = DOMINANT.name
    """Variants are made from pictures that show this condition; it is not made itself."""
    split: str = "train"
    """Only pictures of this split are counted and used."""
    temperature: float = 1.0
    """0 keeps the mixture as it is, 1 goes for the target."""
    balance: Literal["classes", "none"] = "classes"
    """classes: frames with rare things are preferred. none: all alike."""
    seed: int = 0
    """Decides the choice of frames and every variant's seed."""

    def __post_init__(self) -> None:
        for name in (*self.conditions, self.source):
            Condition.parse(name)
        if len(set(self.conditions)) != len(self.conditions) or not self.conditions:
            raise ValueError(f"conditions is {self.conditions}; name each once, and at least one")
        if (self.count is None) == (self.ratio is None):
            raise ValueError(f"count is {self.count} and ratio {self.ratio}; give exactly one of them")
        if (self.count is not None and self.count < 1) or (self.ratio is not None and not self.ratio > 0.0):
            raise ValueError(f"count is {self.count} and ratio {self.ratio}; expected above 0")


@dataclass(frozen=True)
class PlannedStore:
    """A store that variants are made in.

    Attributes:
        path: where it was when the plan was made.
        fingerprint: of the frames that the plan uses.
    """

    path: str
    fingerprint: str


@dataclass(frozen=True)
class PlannedVariant:
    """One variant.

    Attributes:
        store: index in `Plan.stores`.
        key: of the frame.
        condition: to be shown.
        number: among the variants of this frame and condition, from 0.
    """

    store: int
    key: str
    condition: str
    number: int


@dataclass(frozen=True)
class Plan:
    """See above.

    Attributes:
        stores: where the frames are.
        variants: what to make, by store, frame and condition.
        real: recorded pictures per condition.
        shares: the mixture aimed at.
        target: how it was said, e.g. `uniform`.
        config: what was asked for.
        cost: estimate; `synthesizer`, `seconds_per_variant`, `seconds`, `bytes`, as far as known.
    """

    stores: tuple[PlannedStore, ...]
    variants: tuple[PlannedVariant, ...]
    real: dict[str, int]
    shares: dict[str, float]
    target: str
    config: PlanConfig
    cost: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """Planned variants per condition."""
        found = Counter(v.condition for v in self.variants)
        return {name: found.get(name, 0) for name in self.config.conditions}

    def tasks(self, store: int) -> list[VariantTask]:
        """What is to be made in one store."""
        seed, source = self.config.seed, self.config.source
        return [
            VariantTask(v.key, v.condition, variant_seed(seed, v.key, v.condition, v.number), source)
            for v in self.variants
            if v.store == store
        ]

    def digest(self) -> str:
        """12 hex digits that change with anything that the plan asks for."""
        rows = [[v.store, v.key, v.condition, v.number] for v in self.variants]
        prints = [store.fingerprint for store in self.stores]
        return sha256(json.dumps([asdict(self.config), prints, rows]).encode()).hexdigest()[:12]

    def open_store(self, number: int, path: Path | None = None) -> Store:
        """Open one of the stores and check that the frames are those that were planned.

        Args:
            number: index in `stores`.
            path: where it is now; None: where it was.

        Raises:
            ValueError: frames are missing or other ones.
            StoreError: no store there.
        """
        planned = self.stores[number]
        store = Store.read(path or planned.path)
        found = fingerprint([store.frame(key) for key in self._keys(number)])
        if found != planned.fingerprint:
            raise ValueError(
                f"the frames in {store.root} are not those of the plan (fingerprint {found}, planned "
                f"{planned.fingerprint}): name the store that was audited, or audit and plan anew"
            )
        return store

    def to_json(self) -> dict[str, Any]:
        """Plain values; what `read_plan` reads."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "target": self.target,
            "config": asdict(self.config),
            "real": self.real,
            "shares": self.shares,
            "planned": self.counts(),
            "cost": self.cost,
            "stores": [asdict(store) for store in self.stores],
            "variants": [[v.store, v.key, v.condition, v.number] for v in self.variants],
        }

    def write(self, path: Path) -> None:
        """Write the file in one step; a plan that is there is replaced.

        Raises:
            OSError: the disk refused it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        record = self.to_json()
        rows = ",\n  ".join(json.dumps(row) for row in record.pop("variants"))
        head = json.dumps(record, indent=1)
        text = f'{head[:-2]},\n "variants": [\n  {rows}\n ]\n}}\n'
        write_file(Disk(), path, text.encode(), temporary=path.with_name(path.name + ".part"), durable=True)

    def _keys(self, store: int) -> list[str]:
        return sorted({v.key for v in self.variants if v.store == store})


def make_plan(
    audit: Audit,
    target: Mapping[str, float],
    config: PlanConfig,
    said: str = "weights",
    paths: Sequence[Path] | None = None,
) -> Plan:
    """Plan variants that bring audited stores towards a mixture.

    Args:
        audit: of one or several stores; folders of pictures have no labels and cannot be used.
        target: share of each of `config.conditions`, summing to 1.
        config: how many, from what.
        said: how the target was named, for the record.
        paths: where the stores are; None: where they were audited.

    Raises:
        ValueError: nothing to make variants from, a picture of a folder, or a frame without labels.
        StoreError: a store cannot be read.
    """
    pictures = [p for p in audit.pictures if p.split == config.split]
    usable = [p for p in pictures if p.condition == config.source and audit.sources[p.source].kind == "store"]
    if not usable:
        splits = sorted({p.split for p in audit.pictures})
        raise ValueError(
            f"no audited picture of a store shows {config.source} in split {config.split!r} (splits: {splits}, "
            f"conditions: {[name for name, n in audit.counts().items() if n]}); choose another source or split"
        )
    unlabelled = next((p for p in usable if p.classes is None), None)
    if unlabelled is not None:
        raise ValueError(f"frame {unlabelled.key} has no labels, which synthesis needs: record it with seg")
    real = {name: sum(p.condition == name for p in pictures) for name in config.conditions}
    count = config.count if config.count is not None else round((config.ratio or 0.0) * len(pictures))
    shares = tempered_shares(real, target, config.temperature)
    makeable = [name for name in config.conditions if name != config.source]
    weights = class_weights(usable) if config.balance == "classes" else [1.0] * len(usable)
    numbers = sorted({p.source for p in usable})
    order = {name: at for at, name in enumerate(config.conditions)}
    rows = []
    for condition, wanted in allocate(count, real, shares, makeable).items():
        seed = derive_seed(config.seed, "plan")
        for index, number in choose_sources(usable, weights, wanted, condition, seed):
            picture = usable[index]
            rows.append(PlannedVariant(numbers.index(picture.source), picture.key, condition, number))
    rows.sort(key=lambda v: (v.store, v.key, order[v.condition], v.number))
    stores = []
    for number, source in enumerate(numbers):
        path = Path(audit.sources[source].path) if paths is None else paths[number]
        store = Store.read(path)
        frames = [store.frame(key) for key in sorted({v.key for v in rows if v.store == number})]
        stores.append(PlannedStore(str(store.root), fingerprint(frames)))
    return Plan(tuple(stores), tuple(rows), real, shares, said, config)


def read_plan(path: Path) -> Plan:
    """Read a plan file.

    Raises:
        ValueError: it is something else, of another version, or inconsistent.
    """
    try:
        record = json.loads(read_file(path, max_bytes=1 << 30))
        if record["format"] != FORMAT or record["version"] != VERSION:
            raise ValueError(f"format is {record['format']!r} version {record['version']!r}")
        config = PlanConfig(**{**record["config"], "conditions": tuple(record["config"]["conditions"])})
        stores = tuple(PlannedStore(str(s["path"]), str(s["fingerprint"])) for s in record["stores"])
        rows = tuple(PlannedVariant(int(s), str(key), str(name), int(n)) for s, key, name, n in record["variants"])
        strange = next(
            (v for v in rows if not 0 <= v.store < len(stores) or v.condition not in config.conditions), None
        )
        if strange is not None or len(set(rows)) != len(rows):
            raise ValueError(f"variant {strange or 'given twice'} does not fit the plan")
        return Plan(stores, rows, record["real"], record["shares"], record["target"], config, record["cost"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no plan of version {VERSION} ({error}); write one with `syndiff plan`"
        ) from error


@dataclass(frozen=True)
class Progress:
    """What of a plan is done, per condition.

    Attributes:
        planned, made, failed: variants.
    """

    planned: dict[str, int]
    made: dict[str, int]
    failed: dict[str, int]


def progress(tasks: Sequence[VariantTask], store: Store, synthesizers: Sequence[str], attempts: int) -> Progress:
    """Check tasks off against a store.

    Args:
        tasks: of a plan.
        store: that they were made in.
        synthesizers: names that count: the one asked for, and its fallback.
        attempts: most attempts at one variant.
    """
    failures = {(f.key, f.condition, f.seed) for f in store.failures() if f.synthesizer == synthesizers[0]}
    counts: dict[str, Counter[str]] = {"planned": Counter(), "made": Counter(), "failed": Counter()}
    for task in tasks:
        counts["planned"][task.condition] += 1
        seeds = [task.attempt_seed(n) for n in range(attempts)]
        if any(store.variant(task.key, task.condition, name, seed) for name in synthesizers for seed in seeds):
            counts["made"][task.condition] += 1
        elif (task.key, task.condition, task.seed) in failures:
            counts["failed"][task.condition] += 1
    return Progress(*(dict(counts[name]) for name in ("planned", "made", "failed")))
