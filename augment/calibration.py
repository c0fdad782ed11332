"""Whether the guard's and the generator's models know the look of a store's pictures.

A model judges pictures of the look it was trained on; on another one its verdicts are guesses. A look is named by
what drew it: `embedded/default`, `embedded/painted`, `carla-0.9.16`. Pictures that nobody names (imported folders)
are a look of their own, which only models adapted to that very store know.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from carla_agents.data.store import Store

SHIPPED_LOOKS = frozenset({"embedded/default"})
"""What the shipped segmenter, condition classifier and generator learned from."""
ADAPTED_NAME = "adapted.json"
"""Description that `syndiff adapt` writes beside the models."""
CALIBRATED, UNCALIBRATED = "calibrated", "uncalibrated"
"""What a variant's provenance says under `guard`."""


class Uncalibrated(ValueError):
    """The models have not learned the look of the store; the message says what to do."""


def looks_of_store(store: Store) -> frozenset[str]:
    """Names of the looks of all drives of a store.

    A drive recorded before looks were recorded with it counts as the embedded simulator's, in the style of the
    store's `run.json`.
    """
    return frozenset(_look(store, route.metadata) for route in store.routes())


def looks_of_models(folder: Path | None = None) -> frozenset[str]:
    """Names of the looks that models learned from.

    Args:
        folder: what `syndiff adapt` wrote; None for the shipped models.

    Raises:
        ValueError: the folder holds no such description.
    """
    if folder is None:
        return SHIPPED_LOOKS
    path = folder / ADAPTED_NAME
    try:
        looks = json.loads(path.read_text(encoding="utf-8"))["looks"]
        if not isinstance(looks, list) or not all(isinstance(look, str) for look in looks):
            raise TypeError(f"looks is {looks!r}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} does not say which looks the models know ({error}): give a folder that `syndiff adapt` wrote"
        ) from error
    return frozenset(looks)


def is_calibrated(store: Store, models: Path | None = None) -> bool:
    """Whether the models have learned every look of the store.

    Args:
        store: whose pictures are shown to the models.
        models: folder that `syndiff adapt` wrote; None for the shipped models.
    """
    return looks_of_store(store) <= looks_of_models(models)


def check_calibrated(store: Store, models: Path | None = None, *, allow_uncalibrated: bool = False) -> str:
    """Refuse a store of an unknown look unless the user allows it.

    Returns:
        `calibrated` or `uncalibrated`, for the provenance of every variant.

    Raises:
        Uncalibrated: the models have not learned the store's look, and that was not allowed.
    """
    if is_calibrated(store, models):
        return CALIBRATED
    if allow_uncalibrated:
        return UNCALIBRATED
    unknown = sorted(looks_of_store(store) - looks_of_models(models))
    name = "the shipped models" if models is None else f"the models in {models}"
    raise Uncalibrated(
        f"{store.root} shows the look {', '.join(unknown)}, which {name} never saw, so neither what they make nor "
        f"the guard's verdicts can be trusted: adapt them with `syndiff adapt {store.root} --out FOLDER`, or pass "
        "--allow-uncalibrated, which marks every variant"
    )


def _look(store: Store, metadata: dict[str, Any]) -> str:
    look = metadata.get("look")
    if isinstance(look, str) and look:
        return look
    # A drive has a time step, imported pictures have none.
    style = _style_of_run(store.root) if "delta_s" in metadata else None
    return _own_look(store) if style is None else f"embedded/{style}"


def _style_of_run(root: Path) -> str | None:
    try:
        record = json.loads((root / "run.json").read_text(encoding="utf-8"))
        return str(record["config"]["simulator"]["style"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _own_look(store: Store) -> str:
    """A name that follows from the store's first picture, so that it survives copying and growing."""
    frames = store.frames()
    first = f"{frames[0].key} {frames[0].files['rgb'].crc32:08x}" if frames else "empty"
    return f"unnamed-{sha256(first.encode()).hexdigest()[:12]}"
