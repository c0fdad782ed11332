"""Ticks per second of the embedded server through the plain client: Traffic Manager cars, no camera.

First the default town up to as many cars as its spawn points take, then a town with room for 200 on its lanes, with
what a car costs there: server CPU time a tick beyond that of the fewest cars, per further car.

`--towns DIR`: only 20 cars in each OpenDRIVE town of a folder (CARLA's Town01 and Town10HD, for example).
`--prototype DIR`: only 20 cars, in turn on ours and on the project's first prototype of a server
(`server_threads.py`), with equal clients. On a busy machine compare the two, not their rates.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import carla

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.embedded import EmbeddedServer
from carla_agents.simulator.session import Session, SimulatorConfig

CASES = {0: 5000, 1: 2000, 20: 2000, 50: 1000, 100: 600}
ROOMY_TOWN = "TownArterial"
ROOMY_CASES = {25: 600, 50: 500, 100: 400, 150: 300, 200: 300}
SPACING_M = 12.0
MODELS = ("vehicle.tesla.model3", "vehicle.lincoln.mkz_2020", "vehicle.audi.tt", "vehicle.mini.cooper_s")


PROTOTYPE_PORT = 21120
PROTOTYPE_START = (
    "import pathlib, sys, time, server_threads\n"
    "server_threads.Server(int(sys.argv[1]), pathlib.Path(sys.argv[2]).read_text()).start()\n"
    "print('ready', flush=True)\n"
    "time.sleep(1e9)"
)
DEFAULT_TOWN = Path(__file__).parents[1] / "carla_server" / "towns" / "TownGrid.xodr"
ROUNDS, TICKS_A_ROUND = 15, 200
TWENTY_CARS = TrafficConfig(20, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--towns", type=Path, help="folder of OpenDRIVE files")
    parser.add_argument("--prototype", type=Path, help="folder of the first prototype")
    options = parser.parse_args()
    print(machine_line())
    if options.towns is not None:
        in_towns(options.towns)
    if options.prototype is not None:
        beside_prototype(options.prototype)
    if options.towns is None and options.prototype is None:
        in_shipped_towns()


def in_shipped_towns() -> None:
    """Rates by number of cars."""
    with Session.open(SimulatorConfig(rendering=False)) as session:
        for cars, ticks in CASES.items():
            session.reset()
            with Traffic(session, TrafficConfig(cars, 0, 0), []) as traffic:
                print(f"{len(traffic.vehicles):>4} cars: {measured(session, ticks).per(ticks)}", flush=True)
    with Session.open(SimulatorConfig(rendering=False, map_name=ROOMY_TOWN)) as session:
        costs_us: dict[int, float] = {}
        for cars, ticks in ROOMY_CASES.items():
            session.reset()
            placed = place_on_lanes(session, cars)
            watch = measured(session, ticks)
            costs_us[len(placed)] = 1e6 * watch.server_cpu_s / ticks
            fewest = min(costs_us)
            text = f"{len(placed):>4} cars in {ROOMY_TOWN}: {watch.per(ticks)}"
            if len(placed) > fewest:
                further_us = (costs_us[len(placed)] - costs_us[fewest]) / (len(placed) - fewest)
                text += f", {further_us:.1f} us per car beyond {fewest}"
            print(text, flush=True)


def in_towns(folder: Path) -> None:
    """Rates with 20 cars in every town of a folder."""
    for path in sorted(folder.glob("*.xodr")):
        config = SimulatorConfig(rendering=False, map_name=path.stem, map_dir=str(folder))
        with Session.open(config) as session, Traffic(session, TWENTY_CARS, []) as traffic:
            ticks = CASES[20]
            print(
                f"{len(traffic.vehicles):>4} cars in {path.stem}: {measured(session, ticks).per(ticks)}", flush=True
            )


def beside_prototype(folder: Path) -> None:
    """Rates and CPU times of both servers, in turn, each with a client of its own."""
    server = EmbeddedServer(["--no-rendering"], 60.0)
    try:
        with (
            running_prototype(folder) as prototype_pid,
            running_client(server.rpc_port, server.pid) as ours,
            running_client(PROTOTYPE_PORT, prototype_pid) as theirs,
        ):
            clients = {"ours": ours, "prototype": theirs}
            rounds: dict[str, list[list[float]]] = {name: [] for name in clients}
            for number in range(ROUNDS + 1):
                for name, ticks in clients.items():
                    times = ticks(TICKS_A_ROUND)
                    if number:  # the first one sets the cars off
                        rounds[name].append(times)
    finally:
        server.stop()
    rates = {name: [TICKS_A_ROUND / wall_s for wall_s, _, _ in times] for name, times in rounds.items()}
    for name, times in rounds.items():
        _, own_ms, server_ms = (1e3 * sum(column) / (ROUNDS * TICKS_A_ROUND) for column in zip(*times, strict=True))
        print(
            f"  20 cars, {name}: {max(rates[name]):.0f} ticks/s in the best round of {TICKS_A_ROUND} ticks, median "
            f"{statistics.median(rates[name]):.0f}, own CPU {own_ms:.2f} ms, server CPU {server_ms:.2f} ms"
        )
    ratios = [mine / other for mine, other in zip(rates["ours"], rates["prototype"], strict=True)]
    print(f"  ours / prototype, median of {ROUNDS} rounds side by side: {statistics.median(ratios):.2f}")


@contextmanager
def running_client(port: int, server_pid: int) -> Iterator[Callable[[int], list[float]]]:
    """A function that lets a client make so many ticks; it returns wall, own CPU and server CPU seconds."""
    command = [sys.executable, "-m", "benchmarks.server_rate_client", str(port), str(server_pid)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    into, out = process.stdin, process.stdout
    if into is None or out is None:
        raise RuntimeError("both are pipes")

    def ticks(count: int) -> list[float]:
        into.write(f"{count}\n")
        into.flush()
        return json.loads(out.readline())

    try:
        yield ticks
    finally:
        into.close()
        process.wait()


@contextmanager
def running_prototype(folder: Path) -> Iterator[int]:
    """Process id of the prototype's server, on our default town: signs and lights cost the client time as well."""
    command = [sys.executable, "-c", PROTOTYPE_START, str(PROTOTYPE_PORT), str(DEFAULT_TOWN.resolve())]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the server in {folder} did not start")
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def measured(session: Session, ticks: int) -> Stopwatch:
    """Times of that many ticks, after some to set off."""
    if session.server is None:
        raise SystemExit("this benchmark measures the embedded server")
    for _ in range(60):
        session.tick()
    with Stopwatch(session.server.pid) as watch:
        for _ in range(ticks):
            session.tick()
    return watch


def place_on_lanes(session: Session, count: int) -> list[int]:
    """Cars of the Traffic Manager anywhere on lanes outside junctions; ids of those that found a place."""
    manager = session.traffic_manager(0)
    points = [point for point in session.map.generate_waypoints(SPACING_M) if not point.is_junction]
    random.Random(0).shuffle(points)
    library = session.world.get_blueprint_library()
    placed: list[int] = []
    for point in points:
        if len(placed) == count:
            break
        pose = point.transform
        pose.location.z += 0.3
        blueprint = library.find(MODELS[len(placed) % len(MODELS)])
        autopilot = carla.command.SetAutopilot(carla.command.FutureActor, True, manager.get_port())
        (answer,) = session.client.apply_batch_sync(
            [carla.command.SpawnActor(blueprint, pose).then(autopilot)], False
        )
        if not answer.has_error():
            placed.append(answer.actor_id)
    session.tick()
    session.adopt(list(session.world.get_actors(placed)))
    return placed


if __name__ == "__main__":
    main()
