"""Read and write the JSON files of an evaluation."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def fetch_dict(endpoint: str | Path) -> dict[str, Any]:
    """The file's content, or an empty dictionary if there is no such file, or an empty one.

    Raises:
        ValueError: the file is not JSON, or not an object.
    """
    path = Path(endpoint)
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"result file {path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"result file {path} holds a {type(content).__name__}, expected an object")
    return content


def save_dict(endpoint: str | Path, data: dict[str, Any]) -> None:
    """Write the file beside itself and rename it, so that it is whole at every moment."""
    path = Path(endpoint)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.write_text(json.dumps(data, indent=4), encoding="utf-8")
    os.replace(temporary, path)
