"""Which arithmetic this processor trains in fastest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

MixedPrecision = Literal["no", "bf16"]

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""As Linux names them for x86 and, the last, for Arm."""


def native_precision(cpuinfo: Path = Path("/proc/cpuinfo")) -> MixedPrecision:
    """bf16 where every core of the processor multiplies in it, else no.

    Elsewhere torch computes bf16 too, but in more time than 32 bits.

    Args:
        cpuinfo: the kernel's word on the processor; where there is no such file, the answer is no.
    """
    if not cpuinfo.is_file():
        return "no"
    rows = (line.partition(":") for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines())
    cores = [set(value.split()) for name, _, value in rows if name.strip() in ("flags", "Features")]
    return "bf16" if cores and all(core & _BF16_FLAGS for core in cores) else "no"
