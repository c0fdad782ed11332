"""Finds the parts of a preset on this machine: a folder of the user's, else the hub's cache. Downloads nothing."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from augment.synthesizers.presets import ControlKind, Part, Preset, needed_parts

_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")


def locate_parts(
    preset: Preset,
    controls: tuple[ControlKind, ...],
    weights: Path | None,
    replaced: dict[str, Path] | None = None,
) -> dict[str, Path]:
    """Folder of every part that a run with these controls needs.

    Args:
        preset: of the table.
        controls: kinds of control in use.
        weights: folder with one subfolder per part; None looks in the hub's cache.
        replaced: part -> folder of the user's own that stands for it.

    Raises:
        ValueError: a part is absent, incomplete or pickled; the message says what to download and where to put it.
    """
    replaced = replaced or {}
    unknown = sorted(set(replaced) - {part.name for part in needed_parts(preset, controls)})
    if unknown:
        raise ValueError(f"preset {preset.name} with controls {controls} has no part {unknown}")
    if weights is not None and not weights.is_dir():
        raise ValueError(f"{weights} is not a folder; " + _advice(preset, controls, weights))
    found = {}
    for part in needed_parts(preset, controls):
        folder = replaced.get(part.name) or _part_folder(part, weights)
        if folder is None or not folder.is_dir():
            where = f"{weights}/{part.name}" if weights is not None else "the hub's cache"
            raise ValueError(
                f"preset {preset.name} needs {part.name!r}, which is not in {where}; "
                + _advice(preset, controls, weights)
            )
        _check_safe(folder, part)
        found[part.name] = folder
    return found


def is_present(part: Part, weights: Path | None) -> bool:
    """Whether a part is on this machine, as safetensors."""
    folder = _part_folder(part, weights)
    return folder is not None and any(folder.rglob("*.safetensors"))


def download_commands(preset: Preset, controls: tuple[ControlKind, ...], weights: Path | None) -> list[str]:
    """Shell commands that fetch the parts: into `weights`, or into the hub's cache if it is None."""
    commands = []
    for part in needed_parts(preset, controls):
        for hub in part.hub:
            into = f" --local-dir {weights / part.name}" if weights is not None else ""
            revision = f" --revision {hub.revision}" if hub.revision else ""
            include = " ".join(f"--include '{pattern}'" for pattern in hub.files)
            commands.append(f"hf download {hub.repository}{revision} {include}{into}")
    return commands


def folder_hash(folder: Path) -> str:
    """First 12 hex digits of the SHA-256 of all safetensors in a folder and their names."""
    digest = sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        digest.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()[:12]


def _part_folder(part: Part, weights: Path | None) -> Path | None:
    if weights is not None:
        folder = weights / part.name
        return folder if folder.is_dir() else None
    if len(part.hub) > 1:  # put together from several repositories: only in a folder of the user's
        return None
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    hub = part.hub[0]
    try:
        return Path(snapshot_download(hub.repository, revision=hub.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def _check_safe(folder: Path, part: Part) -> None:
    if any(folder.rglob("*.safetensors")):
        return
    pickles = sorted(f.name for f in folder.rglob("*") if f.suffix in _PICKLES)
    if pickles:
        raise ValueError(
            f"{folder} holds {pickles[0]} and no .safetensors file; pickled weights can run code and are refused. "
            "Take a repository with safetensors, or convert the file in a machine of no value"
        )
    files = ", ".join(pattern for hub in part.hub for pattern in hub.files)
    raise ValueError(f"{folder} holds no .safetensors file; expected {files} of {part.hub[0].repository}")


def _advice(preset: Preset, controls: tuple[ControlKind, ...], weights: Path | None) -> str:
    folder = weights or Path("models") / preset.name
    commands = "\n  ".join(download_commands(preset, controls, folder))
    return (
        "nothing is downloaded on its own. On a machine with internet run\n  "
        f"{commands}\nand give the folder here with --weights {folder} (terms: {preset.licence})"
    )
