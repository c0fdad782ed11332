"""Reward of `Drive-v0`: named terms, each a pure function of one step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RewardConfig:
    """Weights of the terms; the reward is their weighted sum."""

    progress: float = 1.0
    """Per metre of route gained."""
    lateral: float = -0.1
    """Per metre beside the route's centre line."""
    speeding: float = -0.2
    """Per m/s above the wanted speed."""
    jerk: float = -0.05
    """Per unit of change of the steering wheel."""
    collision: float = -50.0
    """Once per step with a collision."""
    red_light: float = -10.0
    """Once per red light that was run."""
    finished: float = 20.0
    """Once at the end of the route."""


@dataclass(frozen=True)
class StepFacts:
    """What happened in one step.

    Attributes:
        progress_m: metres of route gained.
        lateral_m: distance from the route, signed.
        speed_mps, wanted_mps: forward speed and its limit here.
        steer_change: change of the steering command.
        collisions, red_lights: how many.
        finished: the end of the route was reached.
    """

    progress_m: float
    lateral_m: float
    speed_mps: float
    wanted_mps: float
    steer_change: float
    collisions: int
    red_lights: int
    finished: bool


def reward_terms(facts: StepFacts, config: RewardConfig) -> dict[str, float]:
    """Weighted terms by name; their sum is the reward."""
    return {
        "progress": config.progress * facts.progress_m,
        "lateral": config.lateral * abs(facts.lateral_m),
        "speeding": config.speeding * max(facts.speed_mps - facts.wanted_mps, 0.0),
        "jerk": config.jerk * abs(facts.steer_change),
        "collision": config.collision * float(facts.collisions > 0),
        "red_light": config.red_light * float(facts.red_lights),
        "finished": config.finished * float(facts.finished),
    }
