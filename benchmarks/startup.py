"""How long a user waits before anything happens: imports and `--help`, median of several fresh processes.

Goals: `import carla_agents` <= 0.3 s, `syndiff --help` <= 0.5 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.stopwatch import machine_line

SYNDIFF = str(Path(sys.executable).with_name("syndiff"))
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import carla_agents": [sys.executable, "-c", "import carla_agents"],
    "syndiff --help": [SYNDIFF, "--help"],
    "syndiff record --help": [SYNDIFF, "record", "--help"],
}


def main() -> None:
    print(machine_line())
    for name, command in CASES.items():
        times_s = []
        for _ in range(7):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times_s.append(time.perf_counter() - began)
        print(f"{name:<24}{statistics.median(times_s):.3f} s (lowest {min(times_s):.3f})")


if __name__ == "__main__":
    main()
