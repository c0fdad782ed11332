"""Run every benchmark, one after the other, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "startup",
    "town_load",
    "server_rate",
    "gym_rate",
    "render",
    "render_views",
    "weather_switch",
    "label_alignment",
    "condition_classifier",
    "augment_speed",
    "engines",
    "sensors",
    "determinism",
    "frame_matching",
    "expert",
    "scenarios",
    "evaluation_rate",
    "recorder",
    "online",
    "robustness",
    "vehicle_physics",
    "synthesis_resume",
)


def main() -> None:
    failed = []
    for name in NAMES:
        print(f"\n== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0:
            failed.append(name)
    if failed:
        raise SystemExit(f"a goal that is a yes or no was missed in: {', '.join(failed)}")


if __name__ == "__main__":
    main()
