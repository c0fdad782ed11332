"""`run_record`: everything needed to say how an output was made, written as `run.json` beside it."""

from __future__ import annotations

import dataclasses
import enum
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from carla_agents.data.disk import Disk, read_file, write_file
from carla_agents.data.errors import StoreError, disk_error

_PACKAGES = (
    "syndiff-ad",
    "carla",
    "numpy",
    "opencv-python-headless",
    "torch",
    "diffusers",
    "safetensors",
    "gymnasium",
)


def run_record(config: Any, seeds: dict[str, int]) -> dict[str, Any]:
    """What made an output: versions, git state, threads, machine, seeds and the full configuration.

    Holds no time of day and no path of the program, so the same run gives the same record.

    Args:
        config: a (frozen) dataclass, or a dict of JSON-able values.
        seeds: name -> seed.

    Returns:
        a JSON-able dict.
    """
    return {
        "config_type": type(config).__name__,
        "config": _plain(config),
        "seeds": dict(seeds),
        "python": platform.python_version(),
        "packages": _versions(),
        "git": _git_state(),
        "threads": _threads(),
        "machine": {
            "system": f"{platform.system()} {platform.release()}",
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
        },
    }


def write_run_record(folder: str | os.PathLike[str], record: dict[str, Any], disk: Disk | None = None) -> Path:
    """Write `run.json` atomically; a resumed run must have the same configuration and seeds.

    Returns:
        the file's path.

    Raises:
        StoreError: another run's record is there, or the disk refused it.
    """
    disk = disk or Disk()
    path = Path(folder) / "run.json"
    try:
        disk.make_directory(path.parent)
        if path.exists():
            _check_same_run(path, record)
            return path
        data = (json.dumps(record, indent=2, sort_keys=True) + "\n").encode()
        write_file(disk, path, data, temporary=path.with_suffix(".json.part"), durable=True)
    except OSError as error:
        raise disk_error(f"write {path}", error) from error
    return path


def _check_same_run(path: Path, record: dict[str, Any]) -> None:
    try:
        old = json.loads(read_file(path, max_bytes=4 << 20))
    except ValueError as error:
        raise StoreError(f"{path} is not JSON ({error}): remove it to record this run anew") from error
    for part in ("config_type", "config", "seeds"):
        new = json.loads(json.dumps(record[part]))
        if old.get(part) != new:
            differences = _differences(old.get(part), new, part)
            raise StoreError(
                f"{path} belongs to another run; it differs in {'; '.join(differences[:5])}: "
                "give the same configuration to resume, or another folder for a new run"
            )


def _differences(old: Any, new: Any, name: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(set(old) | set(new))
        return [
            d for k in keys if old.get(k) != new.get(k) for d in _differences(old.get(k), new.get(k), f"{name}.{k}")
        ]
    return [f"{name}: {old!r} there, {new!r} now"]


def _plain(value: Any) -> Any:
    """Dataclasses, paths, enumerations and tuples as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [_plain(item) for item in items]
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _threads() -> dict[str, Any]:
    threads: dict[str, Any] = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}
    torch = sys.modules.get("torch")
    if torch is not None:
        threads["torch"] = torch.get_num_threads()
    return threads


def _git_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the checkout this package is in, or None when it is installed from a wheel."""
    git = shutil.which("git")
    root = next((p for p in Path(__file__).resolve().parents if (p / ".git").exists()), None)
    if git is None or root is None:
        return None
    answers = []
    for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain"]):
        command = [git, "-C", str(root), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - fixed
        if result.returncode != 0:
            return None
        answers.append(result.stdout.strip())
    return {"commit": answers[0], "clean": not answers[1]}
