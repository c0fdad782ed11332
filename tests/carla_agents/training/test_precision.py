from __future__ import annotations

from pathlib import Path

import pytest

from carla_agents.training.precision import native_precision

PLAIN, HALF, ARM = "flags\t\t: fpu avx2 avx512f\n", "flags\t\t: fpu avx512f avx512_bf16\n", "Features\t: fp bf16\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(HALF, "bf16"), (ARM, "bf16"), (PLAIN, "no"), (HALF + PLAIN, "no"), ("bf16 : fpu\n", "no"), ("", "no")],
)
def test_half_precision_is_chosen_where_every_core_has_it(tmp_path: Path, text: str, expected: str):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: some\n" + text)
    assert native_precision(cpuinfo) == expected


def test_a_system_that_tells_nothing_computes_in_32_bits(tmp_path: Path):
    assert native_precision(tmp_path / "cpuinfo") == "no"
