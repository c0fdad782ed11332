import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.process_group import group_memory_mib, kill_groups, start_group
from leaderboard.results import DriveKey, DriveRecord, Results, ResultsError, record_to_json
from leaderboard.shards import merge_results, parse_shard, shard_of, slurm_script
from leaderboard.supervise import SuperviseConfig, supervise
from scenarios.generate import ROUTES_FOLDER
from scenarios.route_files import read_routes, write_routes
from syndiff.cli import main
from syndiff.commands.evaluate import Evaluate
from syndiff.evaluation import arguments_of, gpus_of, launches_of, options_from_json, options_to_json

AGENTS = Path(__file__).parent / "agents"
ROOT = Path(__file__).resolve().parents[2]
PLANNED = [DriveKey(route, "clear-day", 0) for route in range(1, 7)]
SIMULATOR = {"kind": "none"}

FAKE = """
import json, os, sys, time, subprocess
spec = json.loads(sys.stdin.readline())
flag = spec["flag"]
def first():
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False
def say(**m):
    print(json.dumps(m), flush=True)
if spec["fault"] == "slow": time.sleep(1.5)
if spec["fault"] == "never": sys.exit("cannot start")
say(hello=1, server_pid=None, simulator={"kind": "none"})
for line in sys.stdin:
    key = json.loads(line)["drive"]
    if key.startswith(spec["at"]) and (spec["always"] or first()):
        if spec["fault"] == "crash": sys.exit("segmentation fault")
        if spec["fault"] == "hang": time.sleep(3600)
        if spec["fault"] == "abort": os.abort()
        if spec["fault"] == "failed":
            say(failed="the Traffic Manager stalled")
            continue
        if spec["fault"] == "leak":
            hoard = bytearray(300 * 2**20)
            for _ in range(50):
                say(beat=0); time.sleep(0.2)
        if spec["fault"] == "orphan":
            subprocess.Popen(["sleep", "3600"], stdout=subprocess.DEVNULL)
            sys.exit("left a child behind")
    say(beat=0.5)
    say(record={**spec["record"], "key": key})
"""


def fake(tmp_path, fault: str, *, at: str = "3/", always: bool = False, workers: int = 2, **config) -> Results:
    """Supervise workers that drive nothing and have a fault at one drive."""
    results = Results(tmp_path / "r.json", {"driver": "fake"}, PLANNED)
    record = record_to_json(DriveRecord(PLANNED[0], "Perfect", 100.0, (), 200.0, 20.0))
    spec = {"fault": fault, "at": at, "always": always, "flag": str(tmp_path / "flag"), "record": record}
    patience = SuperviseConfig(**{"start_timeout_s": 30.0, "silence_timeout_s": 2.0, **config})
    supervise(results, [sys.executable, "-c", FAKE], spec, [None] * workers, patience)
    return results


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("crash", "segmentation fault"),
        ("abort", "the worker ended"),
        ("hang", "said nothing for 2 s"),
        ("failed", "the Traffic Manager stalled"),
        ("orphan", "left a child behind"),
    ],
)
def test_a_worker_that_fails_once_costs_a_note_and_no_drive(tmp_path, fault, reason):
    results = fake(tmp_path, fault)
    assert results.missing() == []
    assert [crash["drive"] for crash in results.crashes] == ["3/clear-day/0"]
    assert reason in results.crashes[0]["reason"]


def test_a_worker_that_leaks_is_ended(tmp_path):
    results = fake(tmp_path, "leak", memory_limit_mib=200.0, silence_timeout_s=60.0)
    assert results.missing() == []
    assert "the limit is 200" in results.crashes[0]["reason"]


def test_slow_starters_are_waited_for_and_those_that_never_start_leave_the_run_partial(tmp_path):
    assert fake(tmp_path, "slow").missing() == []
    (tmp_path / "r.json").unlink()
    results = fake(tmp_path, "never", attempts=1)
    assert len(results.missing()) == 6
    assert "cannot start" in results.crashes[0]["reason"]


def test_a_drive_that_fails_every_time_stays_missing_and_the_others_are_driven(tmp_path):
    results = fake(tmp_path, "crash", always=True, workers=1)
    assert [str(key) for key in results.missing()] == ["3/clear-day/0"]
    assert len(results.crashes) == 3


def test_one_worker_and_several_give_equal_records(tmp_path):
    one, several = tmp_path / "one", tmp_path / "several"
    one.mkdir()
    several.mkdir()
    assert fake(one, "none", workers=1).records == fake(several, "none", workers=3).records


def test_a_group_is_ended_with_children_whose_parent_is_gone():
    script = "import subprocess, sys; subprocess.Popen(['sleep', '3600']); print('ready', flush=True)"
    process = start_group([sys.executable, "-c", script], subprocess.DEVNULL, pipes=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.wait()
    assert group_memory_mib([process.pid]) > 0.0
    kill_groups([process.pid])
    assert group_memory_mib([process.pid]) == 0.0


def test_shards_take_every_nth_drive_and_merge_into_the_whole(tmp_path):
    files = []
    for number in range(3):
        drives, identity = shard_of(PLANNED, f"{number}/3", {"driver": "a"})
        results = Results(tmp_path / f"{number}.json", identity, drives)
        results.name_simulator(SIMULATOR)
        for key in drives:
            results.add(DriveRecord(key, "Perfect", 100.0, (), 200.0, 20.0))
        files.append(results.path)
    merged = merge_results(files, tmp_path / "all.json")
    assert merged.missing() == []
    assert list(merged.planned) == PLANNED
    assert json.loads((tmp_path / "all.json").read_text())["complete"] is True
    partial = merge_results(files[:2], tmp_path / "two.json")
    assert [key.route_id for key in partial.missing()] == [3, 6]
    assert main(["merge-results", str(tmp_path / "cli.json"), *(str(f) for f in files[1:])]) == 3
    with pytest.raises(ResultsError, match="another shard holds too"):
        merge_results([files[0], files[0]], tmp_path / "twice.json")
    with pytest.raises(ResultsError, match="exists already"):
        merge_results(files, tmp_path / "all.json")


@pytest.mark.parametrize("what", ["driver", "simulator"])
def test_a_merge_refuses_mixtures(tmp_path, what):
    files = []
    for number in range(2):
        driver = f"driver {number}" if what == "driver" else "a"
        drives, identity = shard_of(PLANNED, f"{number}/2", {"driver": driver})
        results = Results(tmp_path / f"{number}.json", identity, drives)
        results.name_simulator({"kind": "carla" if number and what == "simulator" else "embedded"})
        results.save()
        files.append(results.path)
    with pytest.raises(ResultsError, match="driver differs" if what == "driver" else "do not mix"):
        merge_results(files, tmp_path / "all.json")


def test_records_of_two_simulators_never_share_a_file(tmp_path):
    results = Results(tmp_path / "r.json", {}, PLANNED)
    results.name_simulator({"kind": "embedded", "version": "0.9.16"})
    results.add(DriveRecord(PLANNED[0], "Perfect", 100.0, (), 200.0, 20.0))
    again = Results(tmp_path / "r.json", {}, PLANNED)
    with pytest.raises(ResultsError, match="different: kind"):
        again.name_simulator({"kind": "carla", "version": "0.9.16"})


def test_options_survive_the_way_to_a_worker_and_into_a_slurm_script(tmp_path):
    options = Evaluate(out=tmp_path / "r.json", conditions=("clear-day", "rain-night"), vehicles=3, blank_camera=True)
    assert options_from_json(json.loads(json.dumps(options_to_json(options)))) == options
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    assert options_from_json(options_to_json(replace(options, agent_python=python))).agent_python == python
    words = arguments_of(options)
    assert words == ["--blank-camera", "--conditions", "clear-day", "rain-night", "--vehicles", "3"]
    script = slurm_script(["syndiff", "evaluate", *words], 8, Path("my runs/r.json"))
    assert "#SBATCH --array=0-7" in script
    assert '--shard "$SLURM_ARRAY_TASK_ID/8" --out \'my runs/r\'.shard-"$SLURM_ARRAY_TASK_ID".json' in script
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0


def test_wishes_for_workers_that_contradict_each_other_are_refused(tmp_path):
    assert gpus_of("0-2,5") == [0, 1, 2, 5]
    for text in ("", "a", "1-"):
        with pytest.raises(ValueError, match="must look like"):
            gpus_of(text)
    for text in ("3/3", "x"):
        with pytest.raises(ValueError, match="must look like 2/8"):
            parse_shard(text)
    out = tmp_path / "r.json"
    with pytest.raises(ValueError, match="needs --carla-root"):
        launches_of(Evaluate(out=out, gpus="0"))
    with pytest.raises(ValueError, match=r"has no CarlaUE4\.sh"):
        launches_of(Evaluate(out=out, carla_root=tmp_path))
    (tmp_path / "CarlaUE4.sh").write_text("#!/bin/sh\n")
    launches = launches_of(Evaluate(out=out, carla_root=tmp_path, gpus="0,3", workers_per_gpu=2))
    assert [launch.gpu for launch in launches if launch is not None] == [0, 0, 3, 3]


@pytest.fixture(scope="module")
def routes(tmp_path_factory) -> Path:
    """The beginnings of three shipped routes."""
    shipped = read_routes(ROUTES_FOLDER / "town_grid_eval.xml")[:3]
    path = tmp_path_factory.mktemp("routes") / "short.xml"
    path.write_text(write_routes([replace(spec, waypoints_m=spec.waypoints_m[:4]) for spec in shipped]))
    return path


def evaluate(routes: Path, out: Path, *options: str) -> int:
    agent = str(AGENTS / "agent_reckless.py")
    given = ["--out", str(out), "--routes", str(routes), "--agent", agent, "--vehicles", "3", *options]
    return main(["evaluate", *given])


def records(path: Path) -> list:
    return json.loads(path.read_text())["records"]


def whole_evaluations(test):
    """Starts simulators, workers and agents as processes of their own: on a busy machine each takes minutes."""
    return pytest.mark.slow(pytest.mark.timeout(1800)(test))


@whole_evaluations
def test_an_agent_driven_by_workers_has_the_records_of_one_driven_here(routes, tmp_path):
    assert evaluate(routes, tmp_path / "0.json") == 0
    assert evaluate(routes, tmp_path / "1.json", "--workers", "1") == 0
    assert evaluate(routes, tmp_path / "2.json", "--workers", "2") == 0
    here = records(tmp_path / "0.json")
    assert sum(len(record["infractions"]) for record in here) > 0
    assert records(tmp_path / "1.json") == records(tmp_path / "2.json") == here


MIDWAY = "until grep -qs route_completion_pct {results}; do sleep 0.1; done; sleep 0.5"
"""The first of three drives has been written down and the second goes on."""

FAULTS = {
    "slow": 'sleep 4\nexec {server} "$@"\n',
    "orphan": '{server} "$@" &\nexit 0\n',
    "hang": '{server} "$@" &\nif mkdir {flag} 2>/dev/null; then {midway}; kill -STOP $!; fi\nwait\n',
    "leak": (
        "if mkdir {flag} 2>/dev/null; then {python} -c 'import time; time.sleep(2); h = bytearray(2500 * 2**20); "
        'time.sleep(3600)\' & fi\nexec {server} "$@"\n'
    ),
    "drop a sensor frame": '{dropping} {flag} --map TownGrid CarlaUE4 "$@"\n',
    "crash": '{server} "$@" &\nif mkdir {flag} 2>/dev/null; then {midway}; kill -KILL $!; fi\nwait\n',
}


REASONS = {"hang": "", "leak": "the limit is 2000", "drop a sensor frame": "no data of frame", "crash": ""}
"""What the note about the crash says, where it does not depend on the moment; slow ones and orphans need none."""


@pytest.fixture(scope="module")
def undisturbed(routes, tmp_path_factory) -> list:
    out = tmp_path_factory.mktemp("undisturbed") / "r.json"
    assert evaluate(routes, out) == 0
    return records(out)


@whole_evaluations
@pytest.mark.parametrize("fault", FAULTS)
def test_a_launched_simulator_may_misbehave_once_and_the_records_are_those_of_a_good_one(
    routes, undisturbed, tmp_path, fault
):
    root = tmp_path / "carla"
    root.mkdir()
    server = f"{sys.executable} -m carla_server.launcher --map TownGrid CarlaUE4"
    dropping = f"exec {sys.executable} {Path(__file__).with_name('server_that_drops.py')}"
    midway = MIDWAY.format(results=tmp_path / "r.json")
    words = {
        "server": server,
        "dropping": dropping,
        "flag": tmp_path / "flag",
        "python": sys.executable,
        "midway": midway,
    }
    script = root / "CarlaUE4.sh"
    script.write_text("#!/bin/sh\n" + FAULTS[fault].format(**words))
    script.chmod(0o755)
    silence_s = "30" if fault == "drop a sensor frame" else "15"
    limits = ("--memory-limit-mib", "2000", "--silence-limit-s", silence_s)
    assert evaluate(routes, tmp_path / "r.json", "--carla-root", str(root), *limits) == 0
    content = json.loads((tmp_path / "r.json").read_text())
    assert content["simulator"]["kind"] == "embedded"
    assert content["records"] == undisturbed
    # A busy machine may add a crash of its own: somebody silent for too long.
    if fault in REASONS:
        assert any(REASONS[fault] in crash["reason"] for crash in content["crashes"])
    alive = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
    assert str(tmp_path) not in alive


@whole_evaluations
def test_whoever_is_killed_at_a_random_moment_the_resumed_result_equals_the_uninterrupted_one(routes, tmp_path):
    assert evaluate(routes, tmp_path / "whole.json", "--workers", "1") == 0
    out = tmp_path / "killed.json"
    agent = str(AGENTS / "agent_reckless.py")
    given = ["--out", str(out), "--routes", str(routes), "--agent", agent, "--vehicles", "3", "--workers", "2"]
    command = [sys.executable, "-m", "syndiff.cli", "evaluate", *given]
    dice = random.Random(5)
    for victim in ("evaluator", "worker", "server"):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(3.0, 9.0))
        pid = process.pid if victim == "evaluator" else find(process.pid, victim)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        process.wait(timeout=1200)
    assert main(["evaluate", *given]) == 0
    assert records(out) == records(tmp_path / "whole.json")


def find(ancestor: int, word: str) -> int | None:
    """A descendant whose command line holds a word."""
    module = {"worker": "syndiff.evaluation_worker", "server": "carla_server"}[word]
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
    for pid in parents:
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        try:
            if above == ancestor and pid != ancestor and module in Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        except OSError:
            continue
    return None
