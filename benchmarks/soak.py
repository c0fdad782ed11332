"""Whether the embedded server stays as it was: ticks, world reloads, and sensors that come and go.

Goals: after warm-up the server's memory grows by at most 1 KiB per 1,000 ticks over 100,000 ticks and is as flat
over 200 reloads; 5,000 cycles of spawn, listen and destroy leave threads and descriptors as before. A short look:

    python -m benchmarks.soak --ticks 5000 --reloads 10 --cycles 200
"""

from __future__ import annotations

import argparse
import queue
from dataclasses import dataclass
from pathlib import Path

import carla

from benchmarks.stopwatch import machine_line
from carla_agents.simulator.session import Session, SimulatorConfig

CARS = 10
LAPS = 5
"""The first lap of each part is warm-up; growth is measured from its end to the last lap's."""

ALLOWED_KIB_PER_1000 = 1.0
SENSORS = ("sensor.other.gnss", "sensor.other.imu", "sensor.other.collision")


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    memory_kib: int
    threads: int
    descriptors: int

    @staticmethod
    def of(pid: int) -> Footprint:
        """Of a living process; its memory is what it has written to, whether the machine swaps or not."""
        process = Path(f"/proc/{pid}")
        status = (process / "status").read_text(encoding="ascii")
        fields = dict(line.split(":", 1) for line in status.splitlines())
        memory_kib = int(fields["RssAnon"].split()[0]) + int(fields["VmSwap"].split()[0])
        return Footprint(memory_kib, int(fields["Threads"]), len(list((process / "fd").iterdir())))


def place_cars(session: Session, count: int = CARS) -> list[carla.Actor]:
    """Cars at spawn points all over the map."""
    poses = session.map.get_spawn_points()
    return [session.spawn("vehicle.tesla.model3", poses[k * len(poses) // count]) for k in range(count)]


def run_ticks(session: Session, ticks: int) -> list[Footprint]:
    """Footprints of the server after each lap of ticks in which cars drive about and collide."""
    cars = place_cars(session)
    done = 0
    footprints = []
    for lap in range(LAPS):
        while done < ticks * (lap + 1) // LAPS:
            batch = [
                carla.command.ApplyVehicleControl(
                    car.id,
                    carla.VehicleControl(
                        throttle=0.6, steer=0.1 * ((done // 50 + k) % 9 - 4), reverse=done % 400 > 300
                    ),
                )
                for k, car in enumerate(cars)
            ]
            session.client.apply_batch_sync(batch, False)
            session.tick()
            done += 1
        footprints.append(Footprint.of(server_pid(session)))
    session.destroy(cars)
    return footprints


def run_reloads(session: Session, reloads: int) -> list[Footprint]:
    """Footprints of the server after each lap of reloads of a world in which cars stood."""
    done = 0
    footprints = []
    for lap in range(LAPS):
        while done < reloads * (lap + 1) // LAPS:
            place_cars(session)
            session.tick()
            session.reset()
            done += 1
        footprints.append(Footprint.of(server_pid(session)))
    return footprints


def run_cycles(session: Session, cycles: int) -> list[Footprint]:
    """Footprints of the server after each lap of spawning a sensor, hearing from it and destroying it."""
    car = place_cars(session, 1)[0]
    done = 0
    footprints = []
    for lap in range(LAPS):
        while done < cycles * (lap + 1) // LAPS:
            kind = SENSORS[done % len(SENSORS)]
            sensor = session.spawn(kind, carla.Transform(), attach_to=car)
            heard: queue.SimpleQueue = queue.SimpleQueue()
            sensor.listen(heard.put)
            session.tick()
            if not kind.endswith("collision"):
                heard.get(timeout=20.0)
            session.destroy([sensor])
            done += 1
        session.tick()
        footprints.append(Footprint.of(server_pid(session)))
    session.destroy([car])
    return footprints


def server_pid(session: Session) -> int:
    """Process id of the session's own server."""
    if session.server is None:
        raise SystemExit("the soak looks at the embedded server's process")
    return session.server.pid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=100_000)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=5000)
    options = parser.parse_args()
    print(machine_line())
    failed = []
    with Session.open(SimulatorConfig(rendering=False)) as session:
        for name, run, count in (
            ("ticks", run_ticks, options.ticks),
            ("reloads", run_reloads, options.reloads),
            ("cycles", run_cycles, options.cycles),
        ):
            laps = run(session, count)
            first, last = laps[0], laps[-1]
            grown_kib = last.memory_kib - first.memory_kib
            per_1000 = 1000.0 * grown_kib / (count * (LAPS - 1) / LAPS)
            print(
                f"{count:>7} {name}: server memory {' '.join(str(lap.memory_kib) for lap in laps)} KiB by laps, "
                f"{per_1000:+.2f} KiB per 1,000; threads {first.threads} -> {last.threads}, "
                f"descriptors {first.descriptors} -> {last.descriptors}",
                flush=True,
            )
            if (first.threads, first.descriptors) != (last.threads, last.descriptors):
                failed.append(f"threads or descriptors over {name}")
            if name == "ticks" and per_1000 > ALLOWED_KIB_PER_1000:
                failed.append("memory over ticks")
            if name == "reloads" and grown_kib > ALLOWED_KIB_PER_1000 * count:
                failed.append("memory over reloads")
    raise SystemExit(f"not flat: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
