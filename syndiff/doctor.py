"""`syndiff doctor`: what this machine has, what is missing, and the one command that fixes it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leaderboard.shims import SHIMMED, resolved_file

OUR_PACKAGES = ("carla_server", "carla_agents", "augment", "scenarios", "leaderboard", "syndiff")
DISTRIBUTIONS = {
    "carla": "core",
    "gymnasium": "core",
    "moderngl": "core",
    "embreex": "core",
    "numpy": "core",
    "torch": "augment",
    "diffusers": "augment",
    "transformers": "augment",
    "stable-baselines3": "rl",
    "av": "video",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "tensorrt-rtx-cu13": "tensorrt-rtx",
}
CLIENT_VERSION = "0.9.16"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        topic: what was looked at.
        state: `ok`, `note` (optional or merely worth knowing) or `problem` (the main job will not run).
        detail: what was seen and, for a problem, what to do.
    """

    topic: str
    state: str
    detail: str


def examine(port: int = 2000) -> list[Finding]:
    """Look at the machine; starts nothing but a short process that opens OpenGL.

    Args:
        port: the port where a CARLA server would listen.

    Returns:
        Findings in the order they should be read.
    """
    return [_python(), *_distributions(), _opengl(), *_imports(), _port(port), _disk(), _cuda()]


def report(findings: list[Finding]) -> int:
    """Print the findings as a table; returns 1 if any is a problem, else 0."""
    table = Table("topic", "state", "detail", title="syndiff doctor", title_justify="left")
    color = {"ok": "green", "note": "yellow", "problem": "red"}
    for finding in findings:
        table.add_row(finding.topic, f"[{color[finding.state]}]{finding.state}[/]", escape(finding.detail))
    Console().print(table)
    return int(any(finding.state == "problem" for finding in findings))


def _python() -> Finding:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 12)
    detail = f"{platform.python_version()} on {platform.platform()}"
    return Finding("python", "ok" if supported else "problem", detail + ("" if supported else "; use 3.11 or 3.12"))


def _distributions() -> list[Finding]:
    findings = []
    for name, extra in DISTRIBUTIONS.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            where = "syndiff-ad" if extra == "core" else f"'syndiff-ad[{extra}]'"
            state = "problem" if extra == "core" else "note"
            findings.append(Finding(name, state, f"not installed; pip install {where}"))
            continue
        if name == "carla" and version != CLIENT_VERSION:
            advice = f"{version}, but the wire protocol is pinned; pip install carla=={CLIENT_VERSION}"
            findings.append(Finding(name, "problem", advice))
        else:
            findings.append(Finding(name, "ok", version))
    return findings


def _opengl() -> Finding:
    # In a process of its own: a GL driver that aborts must not take the doctor with it.
    command = [sys.executable, "-m", "carla_server.render.context"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Finding("opengl", "problem", "opening a context took more than 60 s; check the graphics driver")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    detail = lines[-1] if lines else f"the probe ended with status {done.returncode} and said nothing"
    return Finding("opengl", "ok" if done.returncode == 0 else "problem", detail)


def _imports() -> list[Finding]:
    root = Path(__file__).resolve().parent.parent
    findings = []
    for name in OUR_PACKAGES:
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if origin is not None and origin.is_relative_to(root):
            findings.append(Finding(f"import {name}", "ok", str(origin)))
        else:
            advice = f"resolves to {origin}, not to {root}; another package of this name comes first on sys.path"
            findings.append(Finding(f"import {name}", "problem", advice))
    return findings + [_borrowed(name) for name in SHIMMED]


def _borrowed(name: str) -> Finding:
    """Which file `import agents` or `import srunner` finds: the user's checkout, or our stand-in."""
    found = resolved_file(name)
    if found is None:
        return Finding(f"import {name}", "problem", "not found, though this package brings a stand-in; reinstall it")
    ours = Path(found).resolve().is_relative_to(Path(__file__).resolve().parent.parent)
    whose = "stand-in of this package" if ours else "found on the import path before our stand-in"
    return Finding(f"import {name}", "ok" if ours else "note", f"{found} ({whose})")


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    detail = (
        "something listens (a running CARLA?)" if taken else "nothing listens; the embedded simulator will be used"
    )
    return Finding(f"port {port}", "note" if taken else "ok", detail)


def _disk() -> Finding:
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    detail = f"{free_gib:.1f} GiB free here; the demo writes about 1 GiB"
    return Finding("disk", "ok" if free_gib > 2 else "problem", detail)


def _cuda() -> Finding:
    driver = Path("/proc/driver/nvidia/version")
    cores = len(os.sched_getaffinity(0))
    if not driver.exists():
        return Finding("gpu", "note", f"no NVIDIA driver; everything runs on {cores} CPU cores")
    return Finding("gpu", "ok", driver.read_text(encoding="utf-8").splitlines()[0])
