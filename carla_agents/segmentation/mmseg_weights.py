"""Which trained weights mmsegmentation offers: read from the index that its package ships, without a network."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class MmsegWeights:
    """Weights of one config.

    Attributes:
        config: name of the packaged config.
        data_set: what they were trained on.
        miou_percent: as published, single scale; None where the index has none.
        url: where to download them.
    """

    config: str
    data_set: str
    miou_percent: float | None
    url: str


def packaged_weights() -> list[MmsegWeights]:
    """All weights of the packaged index, by name of config.

    Raises:
        ValueError: mmsegmentation is not installed, or its package has no index.
    """
    found = [
        weights
        for path in sorted(packaged_configs().glob("*/metafile.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")).get("Models") or ()
        if (weights := _weights(entry)) is not None
    ]
    if not found:
        raise ValueError(f"{packaged_configs()} has no index of weights: reinstall mmsegmentation")
    return sorted(found, key=lambda weights: weights.config)


def packaged_configs() -> Path:
    """Folder of the configs inside mmsegmentation's package.

    Raises:
        ValueError: mmsegmentation is not installed.
    """
    spec = importlib.util.find_spec("mmseg")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("mmsegmentation is not installed: pip install 'syndiff-ad[mmseg]'")
    return Path(spec.submodule_search_locations[0]) / ".mim" / "configs"


def weights_hint(config: str) -> str:
    """`; its trained weights are at URL`, or nothing if the index has none."""
    url = next((weights.url for weights in packaged_weights() if weights.config == Path(config).stem), None)
    return f"; its trained weights are at {url}: download them and give the file with --weights" if url else ""


def absent_weights(path: Path, config: str) -> str:
    """What to say when the file is not there."""
    return f"{path} is no file{weights_hint(config) or ': give the checkpoint of this config'}"


def _weights(entry: dict[str, Any]) -> MmsegWeights | None:
    if not entry.get("Weights"):
        return None
    results = entry.get("Results") or {}
    results = results[0] if isinstance(results, list) else results
    miou = (results.get("Metrics") or {}).get("mIoU")
    return MmsegWeights(
        entry["Name"], str(results.get("Dataset", "?")), float(miou) if miou is not None else None, entry["Weights"]
    )
