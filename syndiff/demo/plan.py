"""How much the demo does, and on which routes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.seeds import derive_seed, generator
from carla_agents.data.drives import Drive, PairedCondition
from scenarios.route_files import RouteSpec, parse_routes

TARGETS = (HELD_OUT, Condition("clear", "night"), Condition("fog", "day"))
"""Conditions that the demo synthesizes."""
_TRUE = tuple(PairedCondition(condition.name, condition.to_weather().as_tuple()) for condition in TARGETS)
HELD_OUT_SPLIT = "held-out-pairs"


@dataclass(frozen=True)
class DemoPlan:
    """How much of everything; the full demo is `DemoPlan()`.

    Attributes:
        drives: expert drives on clear day that the policy learns from.
        paired_drives: clear-day drives with true variants under `TARGETS` for the ControlNet; one more is held out.
        controlnet_steps, policy_steps: training steps.
        probe_steps, probe_moments: training of the segmenter that reads labels off variants, and how many held-out
            moments it reads.
        synthesize_every: every n-th recorded frame is synthesized by each synthesizer.
        evaluation_routes: routes of the evaluation, none of which shares a street with a recorded one.
    """

    drives: int = 16
    paired_drives: int = 1
    controlnet_steps: int = 400
    policy_steps: int = 2000
    probe_steps: int = 120
    probe_moments: int = 48
    synthesize_every: int = 16
    evaluation_routes: int = 2

    def scaled(self, scale: float) -> DemoPlan:
        """A smaller plan that only checks that everything runs."""
        if scale == 1.0:
            return self
        return DemoPlan(
            drives=max(1, round(self.drives * scale)),
            paired_drives=1,
            controlnet_steps=max(5, round(self.controlnet_steps * scale)),
            policy_steps=max(5, round(self.policy_steps * scale)),
            probe_steps=max(5, round(self.probe_steps * scale)),
            probe_moments=max(6, round(self.probe_moments * scale)),
            evaluation_routes=1,
        )


def plan_demo_drives(plan: DemoPlan, seed: int) -> list[Drive]:
    """What is recorded: clear-day drives for the policy, then a few whose frames are relit under every target."""
    routes = _shuffled("town_grid_train.xml", seed)
    drives = [_drive(spec, DOMINANT, seed, "train") for spec in _cycle(routes, plan.drives)]
    pairs = routes[::-1][: plan.paired_drives + 1]
    for number, spec in enumerate(pairs):
        split = HELD_OUT_SPLIT if number == plan.paired_drives else "pairs"
        drives.append(replace(_drive(spec, DOMINANT, seed, split), pairs=_TRUE))
    return drives


def evaluation_route_ids(plan: DemoPlan, seed: int) -> tuple[int, ...]:
    """The evaluation routes of this seed."""
    return tuple(spec.route_id for spec in _shuffled("town_grid_eval.xml", seed)[: plan.evaluation_routes])


def _shuffled(name: str, seed: int) -> list[RouteSpec]:
    text = (files("scenarios") / "routes" / name).read_text(encoding="utf-8")
    specs = parse_routes(text, name)
    return [specs[i] for i in generator(seed, "demo", name).permutation(len(specs))]


def _cycle(routes: list[RouteSpec], count: int) -> list[RouteSpec]:
    return [routes[i % len(routes)] for i in range(count)]


def _drive(spec: RouteSpec, condition: Condition, seed: int, split: str) -> Drive:
    return Drive(
        route_id=f"{split}-{spec.route_id:04d}-{condition.name}",
        condition=condition.name,
        weather=condition.to_weather().as_tuple(),
        seed=derive_seed(seed, "demo", split, spec.route_id) % 2**31,
        split=split,
        places_in_world_m=spec.waypoints_m,
    )
