"""Compiled kernels: functions over numbers and arrays that numba turns into machine code.

A tick moves every vehicle through some two hundred operations on numbers. As numpy calls on short arrays their cost
is all overhead; as compiled loops it is next to nothing (figures: `benchmarks.server_rate`). Kernels have one
signature each, so that nothing is ever compiled while the world runs, and neither fast-math nor threads, so that the
same commands give the same bits.

The first start on a machine compiles them, which takes some seconds; later ones load them from a cache. The cache is
beside the code, or under `~/.cache` where that folder cannot be written to. Its folders are named after everything
that a kernel is made of, functions and constants of other files included, which numba alone would not notice.
"""

from __future__ import annotations

import hashlib
import inspect
import pickle
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
from numba.core.dispatcher import Dispatcher

_DAMAGED_CACHE = (OSError, EOFError, pickle.UnpicklingError)


class Kernel:
    """A function that is compiled for one signature, at its first call at the latest.

    Kernels may use functions under `@compiled`, which become part of them. Dividing by zero gives an infinity: an
    exception would leave a loop halfway.
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self.function = function
        self._signature = signature
        self._run: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Run it.

        Raises:
            TypeError: the arguments do not fit the signature.
        """
        if self._run is None:
            self.prepare()
        return self._run(*arguments)  # type: ignore[misc]

    def prepare(self) -> None:
        """Load the machine code, or make it."""
        if self._run is not None:
            return
        place = _writable_folder(self.function)
        folder = None if place is None else place / f"compiled-{self._fingerprint()}"
        if folder is None or not folder.exists():
            _say(f"compiling {self.function.__name__}, some seconds, once on this machine")
        try:
            self._run = self._compiled(folder)
        except _DAMAGED_CACHE as error:
            _say(f"{folder} is of no use as a cache ({error!r}), compiling anew; delete it")
            self._run = self._compiled(None)

    def _compiled(self, folder: Path | None) -> Callable[..., Any]:
        config: Any = numba.config  # a module that fills itself from the environment
        if folder is None:
            dispatcher = numba.njit(self.function, error_model="numpy")
        else:
            before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
            try:
                dispatcher = numba.njit(self.function, cache=True, error_model="numpy")
            finally:
                config.CACHE_DIR = before
        dispatcher.compile(self._signature)
        dispatcher.disable_compile()
        return dispatcher

    def _fingerprint(self) -> str:
        """Of all that the machine code follows from, apart from the signature and the machine, which numba knows."""
        return hashlib.sha256("\n".join(_ingredients(self.function, set())).encode()).hexdigest()[:16]


def kernel(signature: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorator that makes a `Kernel`."""
    return lambda function: Kernel(function, signature)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for what kernels use."""
    return numba.njit(function, error_model="numpy")


def _ingredients(function: Callable[..., Any], seen: set[Callable[..., Any]]) -> list[str]:
    """Source of a function and of all that it uses of its module, constants by their values."""
    seen.add(function)
    parts = [inspect.getsource(function)]
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, Dispatcher):
            if value.py_func not in seen:
                parts += _ingredients(value.py_func, seen)
        elif isinstance(value, int | float | str | tuple):
            parts.append(f"{name} = {value!r}")
        elif isinstance(value, type) and hasattr(value, "_fields"):
            parts.append(f"{name}{value._fields}")
    return parts


def _writable_folder(function: Callable[..., Any]) -> Path | None:
    """Where to keep machine code; None, and a line on standard error, if there is no such place."""
    places = [Path(inspect.getfile(function)).parent / "__pycache__"]
    with suppress(RuntimeError):  # a user without a home
        places.append(Path.home() / ".cache" / "syndiff-ad" / "compiled")
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return place
        except OSError:
            continue
    named = " and ".join(map(str, places))
    _say(f"neither of {named} can be written to, so every start compiles anew")
    return None


def _say(message: str) -> None:
    print(f"carla_server: {message}", file=sys.stderr, flush=True)
