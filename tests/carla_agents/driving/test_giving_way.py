"""Who was in the way is given way for a moment longer, also if he was so by turns only."""

import pytest

from carla_agents.driving.giving_way import MEMORY_S, GivingWay

LINE_M = 40.0
SOMEBODY = [(7, LINE_M)]


def waits(pattern: str, delta_s: float = 0.05) -> str:
    """One tick per letter, `x` where somebody is in the way; `x` in the answer where one waits for him."""
    giving_way = GivingWay(delta_s)
    return "".join(
        "x" if giving_way.update(tick * delta_s, SOMEBODY if seen == "x" else []) == [LINE_M] else "."
        for tick, seen in enumerate(pattern)
    )


def test_nobody_is_waited_for_who_is_in_the_way_for_two_ticks_only() -> None:
    assert waits("xx" + 40 * ".") == 42 * "."


def test_whoever_was_in_the_way_is_waited_for_until_the_memory_ends() -> None:
    answer = waits("xxxxxx" + 40 * ".")
    assert answer.startswith("...xxx")
    assert answer.count("x") * 0.05 == pytest.approx(MEMORY_S + 0.15, abs=0.06)
    assert answer.endswith(20 * ".")


def test_whoever_is_in_the_way_by_turns_as_one_brakes_and_drives_on_is_waited_for_all_the_time() -> None:
    answer = waits(10 * "xx...")
    assert answer.lstrip(".") == (len(answer) - 6) * "x"


def test_moments_far_apart_do_not_add_up() -> None:
    assert "x" not in waits(5 * ("xx" + 30 * "."))


def test_the_place_to_wait_at_is_the_last_one_seen_and_everybody_has_his_own() -> None:
    giving_way = GivingWay(0.05)
    for tick in range(5):
        lines_m = giving_way.update(tick * 0.05, [(7, 40.0 + tick), (8, 30.0)])
    assert sorted(lines_m) == [30.0, 44.0]
