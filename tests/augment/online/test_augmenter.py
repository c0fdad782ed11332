"""The augmenter in the loop: rhythm, seeds, budget, overlap and faults, each frame said to be what it is."""

import time
from dataclasses import replace

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.online.augmenter import OnlineAugmenter
from augment.online.config import OnlineConfig
from augment.online.schedule import Schedule
from augment.online.synthesis import SynthesisFailed

from .conftest import Darken, darker, view

NIGHT = Schedule(("rain-night",))


def drive(augmenter, steps, *, pause_s=0.0, seed=3):
    """Pictures, accounts and frames of an episode of so many steps at 0.3 m each."""
    augmenter.reset(seed)
    pictures, accounts, frames = [], [], []
    for step in range(steps):
        seen = view(0.3 * step)
        made, told = augmenter(seen, elapsed_s=[0.05 * step])
        pictures.append(made[0])
        accounts.append(told[0])
        frames.append(seen)
        time.sleep(pause_s)
    return pictures, accounts, frames


def outcomes(accounts):
    return [account.outcome.value for account in accounts]


def test_every_frame_is_fresh_by_default_and_says_so(darken):
    augmenter = OnlineAugmenter(darken, NIGHT)
    pictures, accounts, frames = drive(augmenter, 3)
    for picture, seen in zip(pictures, frames, strict=True):
        np.testing.assert_array_equal(picture, darker(seen.rgb)[0])
    assert outcomes(accounts) == ["fresh"] * 3
    info = accounts[-1].as_info()
    assert info["condition"] == "rain-night"
    assert info["synthesizer"] == "darken"
    assert info["seed"] == darken.seeds[-1]
    assert info["misses"] == 0
    assert info["latency_ms"] > 0.0
    assert augmenter.totals().as_record()["fresh"] == 3


def test_between_synthesized_frames_the_last_variant_is_warped(darken):
    pictures, accounts, frames = drive(OnlineAugmenter(darken, NIGHT, OnlineConfig(every=3)), 7)
    assert outcomes(accounts) == ["fresh", "warped", "warped"] * 2 + ["fresh"]
    assert [account.age_ticks for account in accounts] == [0, 1, 2, 0, 1, 2, 0]
    assert len(darken.calls) == 3
    errors = [np.abs(p.astype(int) - darker(f.rgb)[0]).mean() for p, f in zip(pictures, frames, strict=True)]
    stale = [np.abs(pictures[0].astype(int) - darker(f.rgb)[0]).mean() for f in frames[1:3]]
    assert max(errors[1:3]) < 0.4 * max(stale)


def test_seeds_are_functions_of_episode_frame_and_condition_alone(darken):
    augmenter = OnlineAugmenter(darken, NIGHT)
    drive(augmenter, 3)
    first, darken.seeds = darken.seeds, []
    assert len(set(first)) == 3
    drive(augmenter, 3)
    again, darken.seeds = darken.seeds, []
    assert again == first
    drive(augmenter, 3, seed=4)
    assert not set(darken.seeds) & set(first)
    darken.seeds = []
    drive(OnlineAugmenter(darken, NIGHT, OnlineConfig(seed_per="episode")), 3)
    assert len(set(darken.seeds)) == 1


def test_a_schedule_changes_the_condition_in_the_episode_and_its_own_condition_costs_nothing(darken):
    schedule = Schedule(("clear-day", "rain-night", "fog-day"), (0.0, 0.1, 0.2))
    pictures, accounts, frames = drive(OnlineAugmenter(darken, schedule, OnlineConfig(every=3)), 6)
    assert [account.condition for account in accounts] == ["clear-day"] * 2 + ["rain-night"] * 2 + ["fog-day"] * 2
    assert outcomes(accounts) == ["unchanged", "unchanged", "fresh", "fresh", "fresh", "warped"]
    np.testing.assert_array_equal(pictures[0], frames[0].rgb[0])
    with pytest.raises(ValueError, match="expected numbers that rise from 0"):
        Schedule(("clear-day", "fog-day"), (0.0, 0.0))
    drawn = {Schedule(("fog-day", "rain-night")).at(seed, 0, 0.0).name for seed in range(20)}
    assert drawn == {"fog-day", "rain-night"}


def test_waiting_counts_what_was_late():
    augmenter = OnlineAugmenter(Darken(sleep_s=0.02), NIGHT, OnlineConfig(budget_ms=5.0))
    _, accounts, _ = drive(augmenter, 3)
    assert outcomes(accounts) == ["fresh"] * 3
    assert [(account.late, account.misses) for account in accounts] == [(True, 1), (True, 2), (True, 3)]


@pytest.mark.parametrize("on_miss", ["source", "warp-last"])
def test_over_budget_the_loop_goes_on_and_nothing_stale_is_called_fresh(on_miss):
    slow = Darken(sleep_s=0.2)
    augmenter = OnlineAugmenter(slow, NIGHT, OnlineConfig(budget_ms=20.0, on_miss=on_miss))
    began_s = time.perf_counter()
    pictures, accounts, frames = drive(augmenter, 30, pause_s=0.01)
    assert time.perf_counter() - began_s < 30 * 0.2 / 2, "the loop does not go at the synthesizer's pace"
    assert outcomes(accounts) == ["missed"] * 30
    assert accounts[-1].misses == augmenter.totals().as_record()["misses"] == 30
    warped = [account for account in accounts if account.shown == "warp"]
    if on_miss == "source":
        assert not warped
        np.testing.assert_array_equal(pictures[-1], frames[-1].rgb[0])
    else:
        assert accounts[0].shown == "source", "there is no last variant yet"
        np.testing.assert_array_equal(pictures[0], frames[0].rgb[0])
        assert warped
        assert all(account.age_ticks >= 1 for account in warped)
    augmenter.close()


def test_overlapped_the_last_due_variant_is_warped_and_said_to_be(darken):
    augmenter = OnlineAugmenter(darken, NIGHT, OnlineConfig(every=2, overlap="warp"))
    _, accounts, _ = drive(augmenter, 7)
    assert outcomes(accounts) == ["fresh"] + ["warped"] * 6
    assert [account.age_ticks for account in accounts] == [0, 1, 2, 3, 2, 3, 2]
    augmenter.close()


def test_one_tick_old_pictures_are_a_choice_and_are_said_to_be(darken):
    augmenter = OnlineAugmenter(darken, NIGHT, OnlineConfig(overlap="one-tick-old"))
    pictures, accounts, frames = drive(augmenter, 4)
    assert outcomes(accounts) == ["fresh", "delayed", "delayed", "delayed"]
    assert [account.age_ticks for account in accounts] == [0, 1, 1, 1]
    np.testing.assert_array_equal(pictures[3], darker(frames[2].rgb)[0])
    pictures, accounts, frames = drive(augmenter, 2)
    assert outcomes(accounts) == ["fresh", "delayed"], "nothing of the last episode is shown in the next"
    augmenter.close()


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("raise", "FloatingPointError: the engine is on fire"),
        ("nan", "numbers that are NaN or infinite"),
        ("shape", r"expected \(1, 40, 64, 3\) uint8"),
    ],
)
@pytest.mark.parametrize("overlap", ["off", "warp"])
def test_a_synthesizer_that_fails_raises_with_its_reason_and_the_next_episode_works(trouble, said, overlap):
    augmenter = OnlineAugmenter(Darken(trouble={1: trouble}), NIGHT, OnlineConfig(overlap=overlap))
    with pytest.raises(SynthesisFailed, match=f"darken failed on frame room/.* for rain-night: .*{said}.*reset"):
        drive(augmenter, 4)
    _, accounts, _ = drive(augmenter, 2)
    assert accounts[0].outcome == "fresh"
    augmenter.close()


@pytest.mark.parametrize(("on_error", "shown"), [("source", "source"), ("warp-last", "warp")])
def test_a_failure_with_a_fallback_is_counted_and_told(on_error, shown):
    augmenter = OnlineAugmenter(Darken(trouble={1: "raise"}), NIGHT, OnlineConfig(on_error=on_error))
    _, accounts, _ = drive(augmenter, 3)
    assert outcomes(accounts) == ["fresh", "failed", "fresh"]
    assert accounts[1].shown == shown
    assert "on fire" in accounts[1].reason
    assert [account.failures for account in accounts] == [0, 1, 1]


def test_lanes_share_a_batch_and_keep_their_own_episodes(darken):
    alone = [OnlineAugmenter(Darken(), NIGHT, OnlineConfig(every=2)) for _ in range(2)]
    together = OnlineAugmenter(darken, NIGHT, OnlineConfig(every=2), lanes=2)
    for lane in range(2):
        together.reset(lane, lane)
        alone[lane].reset(lane)
    for step in range(3):
        if step == 1:
            together.reset(9, 1)
            alone[1].reset(9)
        seen = [view(0.3 * step, (15.0, 2.0 * lane), f"{lane}/{step}") for lane in range(2)]
        parts = [augmenter(one) for augmenter, one in zip(alone, seen, strict=True)]
        both = replace(
            seen[0],
            **{name: np.concatenate([getattr(one, name) for one in seen]) for name in ("rgb", "seg", "depth_m")},
            sources=(DOMINANT,) * 2,
            frame_keys=tuple(one.frame_keys[0] for one in seen),
            ego_to_world=np.concatenate([one.ego_to_world for one in seen]),
        )
        pictures, accounts = together(both)
        for lane, (picture, account) in enumerate(parts):
            np.testing.assert_array_equal(pictures[lane], picture[0])
            assert (accounts[lane].outcome, accounts[lane].seed) == (account[0].outcome, account[0].seed)
    assert darken.calls == [2, 1, 1]


def test_what_does_not_go_together_is_refused(darken):
    for options, said in (
        ({"on_miss": "source"}, "needs budget_ms"),
        ({"every": 0}, "expected at least 1"),
        ({"budget_ms": float("nan")}, "expected a positive number"),
        ({"overlap": "one-tick-old", "every": 2}, "needs every=1"),
        ({"on_error": "ignore"}, "allowed raise, source, warp-last"),
    ):
        with pytest.raises(ValueError, match=said):
            OnlineConfig(**options)
    flat = replace(view(0.0), depth_m=None, camera=None)
    with pytest.raises(ValueError, match="frames lack depth_m, camera: warping"):
        OnlineAugmenter(darken, NIGHT, OnlineConfig(every=2))(flat)
    with pytest.raises(ValueError, match="this augmenter has lanes 0 to 0"):
        OnlineAugmenter(darken, NIGHT)(flat, lanes=[1])
