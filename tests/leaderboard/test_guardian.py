"""A simulator that was launched does not outlive whoever launched it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from leaderboard.guardian import dismiss, guard
from leaderboard.process_group import group_runs, kill_groups, start_group

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
LAUNCHER = """
import subprocess, sys, time
from leaderboard.guardian import guard
from leaderboard.process_group import start_group
group = start_group([sys.executable, "-c", "import time; time.sleep(600)"], subprocess.DEVNULL, pipes=False).pid
guard(group)
print(group, flush=True)
time.sleep(600)
"""


def test_a_killed_launcher_takes_its_simulator_with_it():
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    group = int(launcher.stdout.readline())
    assert group_runs(group)
    launcher.send_signal(signal.SIGKILL)
    launcher.communicate()
    deadline_s = time.monotonic() + 30.0
    while group_runs(group) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not group_runs(group)


def test_a_dismissed_guardian_leaves_the_group_alone():
    process = start_group(SLEEPER, subprocess.DEVNULL, pipes=False)
    guardian = guard(process.pid)
    try:
        dismiss(guardian)
        assert guardian.returncode == 0
        assert group_runs(process.pid)
    finally:
        kill_groups([process.pid])
        process.wait()
