"""An agent's class out of its file; also read by the agent's own interpreter, so it keeps to Python 3.7."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from pathlib import Path


class AgentFileError(ValueError):
    """An agent's file cannot be used; the message says why."""


def load_agent_class(path: Path) -> type:
    """The agent's class: the file's folder is put on `sys.path`, and `get_entry_point()` names the class.

    Raises:
        AgentFileError: no such file, it raises on import, or it lacks `get_entry_point`.
    """
    if not path.is_file():
        raise AgentFileError(f"agent file {path} does not exist")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise AgentFileError(f"agent file {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise AgentFileError(f"agent file {path} cannot be imported: {type(error).__name__}: {error}") from error
    entry = getattr(module, "get_entry_point", None)
    if entry is None:
        raise AgentFileError(f"agent file {path} has no function get_entry_point(); it must return the class's name")
    found = getattr(module, str(entry()), None)
    if not inspect.isclass(found):
        raise AgentFileError(f"get_entry_point() of {path} names {entry()!r}, which is no class of that file")
    return found


def takes_only_a_path(agent_class: type) -> bool:
    """Whether the class is made as in Leaderboard 1.0, `Agent(path_to_conf_file)`, and calls `setup` itself."""
    parameters = inspect.signature(agent_class).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return False
    return sum(parameter.kind is not inspect.Parameter.KEYWORD_ONLY for parameter in parameters) == 1
