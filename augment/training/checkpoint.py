"""Resumable training state in safetensors and JSON: no pickle, one atomic file per checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

_WEIGHT, _AVERAGE, _MOMENT = "weight/", "average/", "optimizer/"


def save_checkpoint(
    path: Path,
    model: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    losses: list[float],
    identity: str,
) -> None:
    """Write weights, their moving average, optimizer moments and the loss curve.

    A reader sees the old file or the new one, never half.
    """
    tensors = {_WEIGHT + name: value.contiguous() for name, value in model.state_dict().items()}
    tensors |= {_AVERAGE + name: value.contiguous() for name, value in average.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"{_MOMENT}{index}/{name}"] = torch.as_tensor(value).contiguous()
    temporary = path.with_name(path.name + ".partial")
    save_file(tensors, temporary, metadata={"identity": identity, "losses": json.dumps(losses)})
    temporary.replace(path)


def load_checkpoint(
    path: Path, model: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer, identity: str
) -> list[float]:
    """Restore what `save_checkpoint` wrote.

    Args:
        path: the checkpoint; if it is missing nothing is restored.
        model, average, optimizer: of the same shapes as those saved.
        identity: what the run is (its configuration and data); must equal the saved one.

    Returns:
        The loss of every step so far; empty if there is no checkpoint.

    Raises:
        ValueError: the checkpoint belongs to another configuration or other data.
    """
    if not path.is_file():
        return []
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if metadata.get("identity") != identity:
            raise ValueError(
                f"{path} belongs to a run with another configuration or other data; "
                "choose an empty folder, or delete this one to begin anew"
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    for module, prefix in ((model, _WEIGHT), (average, _AVERAGE)):
        module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(_MOMENT):
            index, moment = name.removeprefix(_MOMENT).split("/")
            state.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return list(json.loads(metadata["losses"]))
