"""Ticks per second of the embedded server through the plain client: Traffic Manager cars, no camera.

First the default town up to as many cars as its spawn points take, then a town with room for 200 on its lanes, with
what a car costs there: server CPU time a tick beyond that of the fewest cars, per further car.
"""

from __future__ import annotations

import random

import carla

from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.session import Session, SimulatorConfig

CASES = {0: 5000, 1: 2000, 20: 2000, 50: 1000, 100: 600}
ROOMY_TOWN = "TownArterial"
ROOMY_CASES = {25: 600, 50: 500, 100: 400, 150: 300, 200: 300}
SPACING_M = 12.0
MODELS = ("vehicle.tesla.model3", "vehicle.lincoln.mkz_2020", "vehicle.audi.tt", "vehicle.mini.cooper_s")


def main() -> None:
    print(machine_line())
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
