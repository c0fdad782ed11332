"""What trainings share: tensors on disk without pickles, checkpoints that resume to the bit, a curve of rates."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

CHECKPOINT_NAME = "checkpoint.safetensors"
LOG_NAME = "train.jsonl"


def warm_up_and_cosine(step: int, steps: int, peak: float) -> float:
    """The rate of one step, counted from 0: linear over 5 % of the steps, then a half cosine down to a hundredth."""
    warm_up = max(1, round(0.05 * steps))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return peak * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * progress)))


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file; a reader sees the old file or the new one, never half."""
    temporary = path.with_name(path.name + ".new")
    own = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}  # nothing shared
    save_file(own, temporary, metadata)
    os.replace(temporary, path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        ValueError: absent, a pickle, or damaged.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: the training did not finish, or this is another folder; train again")
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] != b"{" and (start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1:2] <= b"\x05")):
        raise ValueError(
            f"{path} is a pickled checkpoint, which can run code and is not read: convert it with "
            "`safetensors.torch.save_file` where you trust it"
        )
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}): restore it, or delete it and train again") from error


def save_checkpoint(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, identity: str, done: int
) -> None:
    """Keep network and the optimizer's moments after `done` steps of the run that `identity` names."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = value
    write_tensors(folder / CHECKPOINT_NAME, tensors, {"identity": identity, "step": str(done)})


def resume_checkpoint(
    folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer, identity: str, *, owns_log: bool = True
) -> int:
    """Load a checkpoint if there is one and cut the log back to it.

    Args:
        folder: of the training.
        network, optimizer: are filled in.
        identity: of this run.
        owns_log: False in all but one of several processes.

    Returns:
        the number of steps already done.

    Raises:
        ValueError: the checkpoint is damaged or belongs to another run.
    """
    path, log_path = folder / CHECKPOINT_NAME, folder / LOG_NAME
    if not path.exists():
        if owns_log:
            log_path.unlink(missing_ok=True)
        return 0
    tensors, facts = read_tensors(path)
    if facts.get("identity") != identity:
        raise ValueError(
            f"{path} belongs to a run with another configuration, network or data; choose another folder or delete it"
        )
    done = int(facts["step"])
    network.load_state_dict(_named(tensors, "network/"))
    moments: dict[nn.Parameter, dict[str, Any]] = {}
    for key in ("step", "exp_avg", "exp_avg_sq"):
        values = _named(tensors, f"optimizer/{key}/")
        for name, parameter in network.named_parameters():
            if name in values:
                value = values[name]
                if key != "step":
                    value = torch.empty_like(parameter).copy_(value)  # on its device, in its memory format
                moments.setdefault(parameter, {})[key] = value
    for parameter, state in moments.items():
        optimizer.state[parameter] = state
    if owns_log:
        lines = log_path.read_text(encoding="utf-8").splitlines() if log_path.exists() else []
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= done]
        log_path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
    return done


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
