"""Lets mmsegmentation 1.2 run beside current torch without compiled operators; changes nothing where it need not.

Three breakages of mmsegmentation 1.2.2 with mmengine 0.10.7 and mmcv-lite 2.1 are answered: mmcv-lite lacks the
module `mmcv._ext` that pure-Python operators import by the way; `torch.load` reads no pickle of unknown types, and
mmengine's checkpoints hold its `HistoryBuffer` (mmengine issue 1655); numpy types inside these buffers likewise.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable

import numpy as np
import torch


def install() -> None:
    """Make `import mmseg` and resuming work; harmless when repeated, and with a compiled mmcv or the maintained fork.

    Raises:
        ImportError: mmengine or mmcv is missing; says what to install.
    """
    for name in ("mmengine", "mmcv"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(f"{name} is missing: pip install 'syndiff-ad[mmseg]'")
    if importlib.util.find_spec("mmcv._ext") is None:
        sys.modules["mmcv._ext"] = _absent_operators()
    from mmengine.logging.history_buffer import HistoryBuffer

    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    dtypes = [type(np.dtype(code)) for code in ("f8", "f4", "i8", "i4", "?", "u1")]
    torch.serialization.add_safe_globals(
        [HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct, multiarray.scalar, getattr, *dtypes]
    )


def _absent_operators() -> types.ModuleType:
    """A stand-in whose every operator says, when called, that it needs the compiled mmcv."""
    module = types.ModuleType("mmcv._ext")
    module.__spec__ = importlib.machinery.ModuleSpec("mmcv._ext", None)  # mmengine asks for it

    def operator(name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*_: object, **__: object) -> None:
            raise RuntimeError(f"mmcv's operator {name} is compiled and mmcv-lite has none: install the full mmcv")

        return call

    module.__getattr__ = operator  # type: ignore[method-assign]
    return module
