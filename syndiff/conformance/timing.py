"""Part `timing`: how fast the server and its machine are; shown, never compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from carla_agents.driving.traffic import Traffic, TrafficConfig
from carla_agents.simulator.session import Session
from syndiff.conformance.figures import Figure, Part
from syndiff.conformance.listening import Listener, open_sensor

CARS = (0, 1, 20)
_LONGEST_S = 10.0
_CALLS = 100


def measure_timing(session: Session, ticks: int) -> Part:
    """Ticks per second with Traffic Manager cars, latency of a call, cost of a camera.

    Args:
        session: on a map with spawn points; its Traffic Manager is started and shut down again.
        ticks: how many ticks are timed in each case, at most ten seconds of them.
    """
    part = Part("timing")
    part.figures["timing/rpc_ms"] = Figure.machine(_median_ms(session.world.get_weather, _CALLS), "ms")
    part.figures["timing/snapshot_ms"] = Figure.machine(_median_ms(session.world.get_snapshot, _CALLS), "ms")
    for cars in CARS:
        with Traffic(session, TrafficConfig(cars, 0, 0), []) as traffic:
            for _ in range(20):
                session.tick()
            began_s, done = time.perf_counter(), 0
            while done < ticks and time.perf_counter() - began_s < _LONGEST_S:
                session.tick()
                done += 1
            rate = done / (time.perf_counter() - began_s)
            part.figures[f"timing/ticks_per_s_{cars}_cars"] = Figure.machine(rate, "1/s")
            if len(traffic.vehicles) < cars:
                why = f"the map has room for {len(traffic.vehicles)} of {cars} cars only"
                part.figures[f"timing/ticks_per_s_{cars}_cars"] = Figure(None, "1/s", compared=False, why=why)
    session.reset()
    places = session.map.get_spawn_points()
    for width_px, height_px in ((320, 180), (800, 600)):
        key = f"timing/camera_{width_px}x{height_px}_ms_per_tick"
        place = places[0]
        place.location.z += 2.0
        size = {"image_size_x": width_px, "image_size_y": height_px}
        camera = open_sensor(session, "sensor.camera.rgb", place, size)
        if isinstance(camera, str):
            part.figures[key] = Figure(None, "ms", compared=False, why=camera)
            continue
        picture = partial(_picture, session, camera)
        for _ in range(3):
            picture()
        part.figures[key] = Figure.machine(_median_ms(picture, 20), "ms")
        session.destroy([camera.actor])
    session.tick()
    return part


def _picture(session: Session, camera: Listener) -> None:
    session.tick()
    camera.next()


def _median_ms(call: Callable[[], object], count: int) -> float:
    spent_s = []
    for _ in range(count):
        began_s = time.perf_counter()
        call()
        spent_s.append(time.perf_counter() - began_s)
    return 1e3 * statistics.median(spent_s)
