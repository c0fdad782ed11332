"""A policy that has only ever seen clear days drives through rain at night, shown in two ways.

It is trained on drives of the expert (or taken from `--policy FOLDER`), then drives the same routes three times
with the same traffic. The world is a clear day each time; the policy sees it as it is, as the synthesizer paints it,
and as the embedded simulator itself would show it (the true re-render). Written are scores, how far both nights are
from each other, and a sheet of pictures of the same moments.

    python examples/clear_day_policy_at_night.py --out night --synthesizer embedded
"""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np

from augment.conditions import DOMINANT, HELD_OUT
from augment.online.choice import make_online_synthesizer
from augment.online.config import OnlineConfig
from carla_agents.policies.aim import AimPolicy
from carla_agents.policies.base import CameraSpec, Observation, Plan, Policy
from leaderboard.augmented_driver import AugmentedPolicyDriver
from leaderboard.drive import DriveConfig
from leaderboard.drivers import PolicyDriver
from leaderboard.evaluate import EvaluationConfig
from syndiff.commands.record import Record
from syndiff.commands.train import Train
from syndiff.evaluation import SimulatorConfig, evaluate_with_progress
from syndiff.report.sheets import contact_sheet

MOMENTS = (0, 10, 20, 30)


class Watched:
    """A policy whose first pictures are kept."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.waypoint_spacing_s = policy.waypoint_spacing_s
        self.pictures: list[np.ndarray] = []

    def camera(self) -> CameraSpec:
        return self._policy.camera()

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)

    def act(self, observation: Observation) -> Plan:
        if len(self.pictures) <= max(MOMENTS):
            self.pictures.append(observation.rgb)
        return self._policy.act(observation)


def trained_policy(out: Path, drives: int, steps: int, seed: int) -> Path:
    """Record clear days and learn to drive from them."""
    Record(out / "data", drives=(drives,), seed=seed).run()
    Train(out / "data", out / "policy", conditions=(DOMINANT.name,), steps=steps, seed=seed).run()
    return out / "policy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("night"))
    parser.add_argument("--policy", type=Path, default=None)
    parser.add_argument("--synthesizer", default="procedural", choices=["procedural", "embedded"])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--drives", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--routes", type=int, default=2)
    parser.add_argument("--patience-s", type=float, default=60.0, help="standing longer ends a drive")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = options.policy or trained_policy(options.out, options.drives, options.steps, options.seed)
    drive = DriveConfig(seed=options.seed, blocked_limit_s=options.patience_s)
    arms = {
        "clear day": (None, False),
        f"online {HELD_OUT.name}, {options.synthesizer}": (
            make_online_synthesizer(options.synthesizer, backend="torch"),
            True,
        ),
        f"true {HELD_OUT.name}": (None, True),
    }
    rows: list[list[tuple[str, np.ndarray]]] = []
    seen: list[list[np.ndarray]] = []
    with as_file(files("scenarios") / "routes" / "town_grid_eval.xml") as routes:
        config = EvaluationConfig(routes, tuple(range(1000, 1000 + options.routes)), drive=drive)
        for number, (name, (synthesizer, augmented)) in enumerate(arms.items()):
            policy = Watched(AimPolicy.load(folder))
            driver = PolicyDriver(policy)
            if augmented:
                driver = AugmentedPolicyDriver(
                    policy,
                    synthesizer,
                    DOMINANT,
                    HELD_OUT,
                    drive.ticks_per_decision,
                    options.seed,
                    OnlineConfig(every=options.every),
                )
            results = evaluate_with_progress(
                SimulatorConfig(seed=options.seed), driver, name, config, options.out / f"results-{number}.json"
            )
            s = results.summary()
            print(
                f"{name:<34} driving score {s.driving_score_mean:6.2f}, completion "
                f"{s.route_completion_pct_mean:6.2f} %, {s.success_count} of {s.count} clean"
            )
            seen.append(policy.pictures)
            shown = [policy.pictures[k] for k in MOMENTS if k < len(policy.pictures)]
            rows.append([(f"{name}, decision {k}", picture) for k, picture in zip(MOMENTS, shown)])
    # Until the drives part, the pictures are of the same moments: the first is so for certain.
    apart = [float(np.abs(a[0].astype(int) - seen[2][0]).mean()) for a in seen[:2]]
    print(f"first picture, mean difference to the true night: clear day {apart[0]:.1f}, online {apart[1]:.1f} levels")
    sheet = options.out / "pictures.jpg"
    cv2.imwrite(str(sheet), contact_sheet(rows)[..., ::-1])
    print(f"wrote {sheet}")


if __name__ == "__main__":
    main()
