from __future__ import annotations

from typing import Any

from benchmarks.adaptation import acceptance_table, share_table
from benchmarks.variant_segmenters import TARGETS


def judged(accepted: float, psnr_db: float = 20.0) -> dict[str, Any]:
    row = {"accepted": accepted, "psnr_db": psnr_db}
    conditions = {target.name: row for target in TARGETS}
    return {"conditions": conditions, **row, "lamps": 50, "lamps_kept": 45}


def side(shipped: float, adapted: float | None = None, ratio: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"shipped": judged(shipped)}
    if adapted is not None:
        found["adapted"] = judged(adapted)
    if ratio is not None:
        learned = {"ratio": ratio, "low": ratio - 0.05, "high": ratio + 0.1}
        not_learned = {"ratio": None, "low": None, "high": None}
        names = ("miou", "lane paint", "person")
        found["segmenter"] = {**dict.fromkeys(names, learned), "traffic light": not_learned}
    return found


def test_after_is_told_as_a_share_of_the_first_style_and_what_was_not_learned_is_said():
    held_out = {"true": side(0.9, 0.99), "before": side(0.5, 0.6, 0.7), "after": side(0.6, 0.8, 0.72)}
    lines = share_table({"default": {"before": side(0.8, ratio=0.9)}, "painted": held_out})
    assert "| accepted, shipped classifier | 80.0% | 50.0% | 60.0% | 75% |" in lines
    assert "| accepted, adapted classifier | 80.0% | 60.0% | 80.0% | 100% |" in lines
    ratios = "90.0% (85.0% to 100.0%) | 70.0% (65.0% to 80.0%) | 72.0% (67.0% to 82.0%)"
    assert f"| miou, of true re-renders' | {ratios} | 80% |" in lines
    assert "| traffic light | not learned from true re-renders | | | |" in lines


def test_without_judging_segmenters_there_are_no_lines_about_them():
    held_out = {"true": side(0.9, 0.99), "before": side(0.5, 0.6), "after": side(0.6, 0.8)}
    lines = share_table({"default": {"before": side(0.8)}, "painted": held_out})
    assert not any("miou" in line for line in lines)


def test_lamps_are_told_only_where_there_are_any():
    held_out = {"true": side(0.9, 0.99), "before": side(0.5, 0.6), "after": side(0.6, 0.8)}
    first = side(0.8)
    lines = share_table({"default": {"before": first}, "painted": held_out})
    assert "| lamps kept | 90.0% | 90.0% | 90.0% | 100% |" in lines
    first["shipped"] |= {"lamps": 0, "lamps_kept": 0}
    assert not any("lamps" in line for line in share_table({"default": {"before": first}, "painted": held_out}))


def test_acceptance_is_told_of_true_pictures_too():
    held_out = {"true": side(0.9, 0.99), "before": side(0.5, 0.6), "after": side(0.6, 0.8)}
    lines = acceptance_table(held_out)
    assert len(lines) == 2 + len(TARGETS) + 1
    assert lines[-1] == "| mean | 90.0 | 50.0 | 60.0 | 99.0 | 60.0 | 80.0 | 20.0 | 20.0 |"
