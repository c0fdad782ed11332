"""Cost of each extra relit condition beside a full frame, in the renderer and through the server's extension.

Goal: an extra condition costs at most 60 % of a full frame (colour, labels and depth of that condition). Both are
measured in turns in one run, as CPU milliseconds of whoever draws, so that load on the machine counts little.
"""

from __future__ import annotations

import statistics

import numpy as np

from augment.conditions import CORE12, DOMINANT
from benchmarks.render import LABELS, crowd
from benchmarks.stopwatch import Stopwatch, machine_line
from carla_agents.driving.headlights import lamps_for_weather
from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.policies.base import CameraSpec
from carla_agents.simulator.relighter import Relighter, RelitCondition
from carla_agents.simulator.rig import SensorRig, cameras
from carla_agents.simulator.session import Session, SimulatorConfig
from carla_server.render.camera import CameraView
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town

ROUNDS, FRAMES = 5, 8
EVERYTHING = LABELS | {"rgb"}
SIZES = ((256, 144), (800, 600))


def in_the_renderer(size_px: tuple[int, int]) -> None:
    """Extra conditions of one lamp state: `relight` of five against `relight` of one, and a native frame."""
    town = load_town("TownGrid")
    renderer = Renderer(town)
    renderer.set_actors(crowd(renderer, town.spawn_points, np.random.default_rng(0)))
    view = CameraView(*size_px, 90.0)
    pose = town.spawn_points[0] + np.array([0.0, 0.0, 1.2, -5.0, 0.0, 0.0])
    shares = []
    for condition in CORE12:
        weather = condition.to_weather().as_tuple()
        renderer.warm(weather, [view])
        full_ms, extra_ms = [], []
        for number in range(ROUNDS):
            with Stopwatch() as full:
                for frame in range(FRAMES):
                    renderer.render(view, pose, weather, EVERYTHING, 0.05 * frame, frame)
            with Stopwatch() as once:
                for frame in range(FRAMES):
                    renderer.relight(view, pose, [weather], 0.05 * frame, number)
            with Stopwatch() as often:
                for frame in range(FRAMES):
                    renderer.relight(view, pose, [weather] * 5, 0.05 * frame, number)
            full_ms.append(1e3 * full.own_cpu_s / FRAMES)
            extra_ms.append(1e3 * (often.own_cpu_s - once.own_cpu_s) / FRAMES / 4)
        full_frame_ms, extra_frame_ms = statistics.median(full_ms), statistics.median(extra_ms)
        shares.append(extra_frame_ms / full_frame_ms)
        print(
            f"{size_px[0]}x{size_px[1]} {condition.name:<13}full frame {full_frame_ms:6.2f} ms, extra relit "
            f"condition {extra_frame_ms:6.2f} ms = {100 * shares[-1]:3.0f} %"
        )
    print(f"{size_px[0]}x{size_px[1]} renderer, mean of core12: {100 * float(np.mean(shares)):.0f} % of a full frame")
    renderer.close()


def through_the_extension(size_px: tuple[int, int]) -> None:
    """Ticks with three cameras and 20 cars in each condition of core12, and by day with all of them relit."""
    camera = CameraSpec(width_px=size_px[0], height_px=size_px[1])
    with Session.open(SimulatorConfig()) as session, Relighter(session) as relighter:
        session.set_weather(DOMINANT.to_weather().as_tuple())
        ego = session.spawn("vehicle.tesla.model3", session.map.get_spawn_points()[0])
        traffic = Traffic(session, TrafficConfig(20), [(ego.get_location().x, ego.get_location().y)])
        ids = [ego.id, *(vehicle.id for vehicle in traffic.vehicles)]
        conditions = []
        for condition in CORE12:
            weather = condition.to_weather().as_tuple()
            conditions.append(RelitCondition(weather, dict.fromkeys(ids, lamps_for_weather(weather))))
        pid = session.server.pid if session.server else None
        with SensorRig(session, ego, cameras(camera)) as rig:

            def frames(count: int, relit: bool) -> Stopwatch:
                with Stopwatch(pid) as watch:
                    for _ in range(count):
                        rig.gather(session.tick())
                        if relit:
                            relighter.relight(rig.actor_id("rgb"), session.frame_id, conditions, size_px)
                return watch

            frames(3, True)
            native_ms, extra_ms, client_ms = [], [], []
            for _ in range(ROUNDS):
                native_s = 0.0
                for condition in (*CORE12[1:], DOMINANT):
                    session.set_weather(condition.to_weather().as_tuple())
                    native_s += frames(FRAMES, False).server_cpu_s
                native_ms.append(1e3 * native_s / (FRAMES * len(CORE12)))
                plain, with_twelve = frames(2 * FRAMES, False), frames(2 * FRAMES, True)
                extra_ms.append(1e3 * (with_twelve.server_cpu_s - plain.server_cpu_s) / (2 * FRAMES * len(CORE12)))
                client_ms.append(1e3 * (with_twelve.own_cpu_s - plain.own_cpu_s) / (2 * FRAMES * len(CORE12)))
    full_ms, each_ms = statistics.median(native_ms), statistics.median(extra_ms)
    print(
        f"{size_px[0]}x{size_px[1]} extension, mean of core12 with its lamps: native tick with rgb, seg and depth "
        f"{full_ms:.2f} ms of the server's CPU, relit condition {each_ms:.2f} ms = {100 * each_ms / full_ms:.0f} %, "
        f"and {statistics.median(client_ms):.2f} ms of the client's"
    )


def main() -> None:
    print(machine_line())
    for size_px in SIZES:
        in_the_renderer(size_px)
        through_the_extension(size_px)


if __name__ == "__main__":
    main()
