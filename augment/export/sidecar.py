"""A file and the JSON beside it that says what it is: written together, compared when read.

The JSON of `graph.onnx` is `graph.onnx.json`. It holds the SHA-256 of the file (and of the file with large weights,
if there is one), so that a file changed after it was written is noticed before it runs.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any


class ExportError(ValueError):
    """A graph or an engine cannot be made, read or run here; the message says what to do."""


def sidecar_path(file: Path) -> Path:
    """Where the JSON of `file` is."""
    return file.with_name(file.name + ".json")


def file_hash(file: Path) -> str:
    """SHA-256 of a file and of `<file>.data`, where ONNX keeps large weights."""
    digest = sha256()
    for part in (file, file.with_name(file.name + ".data")):
        if part.is_file():
            with part.open("rb") as stream:
                while block := stream.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()


def write_sidecar(file: Path, facts: dict[str, Any]) -> None:
    """Write the JSON of a file that is complete.

    Args:
        file: what it describes.
        facts: plain values; `sha256` is added.
    """
    text = json.dumps({**facts, "sha256": file_hash(file)}, indent=1, sort_keys=True) + "\n"
    temporary = sidecar_path(file).with_name(sidecar_path(file).name + ".partial")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(sidecar_path(file))


def read_sidecar(file: Path, form: str) -> dict[str, Any]:
    """Read the JSON of a file and compare the file with it.

    Args:
        file: what it describes.
        form: the value of `format` that the caller understands.

    Raises:
        ExportError: a file is missing, of another format, or has changed since the JSON was written.
    """
    described = sidecar_path(file)
    for needed in (file, described):
        if not needed.is_file():
            raise ExportError(f"there is no {needed}; write it with `syndiff export-engine`")
    try:
        facts = json.loads(described.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(f"{described} is not JSON ({error}); export anew with `syndiff export-engine`") from error
    if not isinstance(facts, dict) or facts.get("format") != form:
        found = facts.get("format") if isinstance(facts, dict) else type(facts).__name__
        raise ExportError(f"{described} has format {found!r}, expected {form!r}; export anew")
    found = file_hash(file)
    if found != facts.get("sha256"):
        raise ExportError(
            f"{file} has changed since it was exported: its SHA-256 is {found[:16]}..., {described.name} says "
            f"{str(facts.get('sha256'))[:16]}...; delete both files and export anew"
        )
    return facts
