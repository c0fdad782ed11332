"""Runs the protocol part by part; every part writes its result, so an interrupted run goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from carla_agents.simulator.errors import ServerLost, SimulatorError, TrafficManagerStalled
from carla_agents.simulator.session import Session, SimulatorConfig
from syndiff.conformance.api_facts import measure_library, measure_map
from syndiff.conformance.figures import Part
from syndiff.conformance.report import write_report
from syndiff.conformance.sensor_tests import measure_sensors
from syndiff.conformance.timing import measure_timing
from syndiff.conformance.track import Track, generated_track, longest_straight, opendrive
from syndiff.conformance.vehicle_tests import measure_driving
from syndiff.conformance.weather_sheet import measure_weather

TOWN_PARTS = ("library", "map", "timing", "map weather")
TRACK_PARTS = ("driving", "sensors", "weather")
PARTS = (*TOWN_PARTS, *TRACK_PARTS)
"""In the order in which they are measured: first what needs the loaded map, then what needs the test track."""


@dataclass(frozen=True)
class Protocol:
    """What is measured and where the results go; together with the server it is what two reports must share.

    Attributes:
        out: folder of the report.
        simulator: which server.
        vehicles: blueprint ids that are driven.
        presets: weather presets that are shown.
        parts: which parts.
        generate_track: False drives on the longest straight of the loaded map.
        timing_ticks: ticks timed in each case.
    """

    out: Path
    simulator: SimulatorConfig
    vehicles: tuple[str, ...]
    presets: tuple[str, ...]
    parts: tuple[str, ...] = PARTS
    generate_track: bool = True
    timing_ticks: int = 300
    console: Console = field(default_factory=lambda: Console(stderr=True), compare=False)

    def run(self) -> dict[str, str]:
        """Measure what has no result yet and write the report.

        Returns:
            Part -> reason, for the parts that could not be finished.

        Raises:
            SimulatorError: no usable server.
            ServerLost: the server died; what was finished is kept.
            ValueError: the folder holds results of another server or other options.
        """
        failed: dict[str, str] = {}
        with Session.open(self.simulator) as session:
            home = session.map.name.rsplit("/", 1)[-1]
            run = self._identity(session, home)
            done = self._read(run)
            waiting = [name for name in PARTS if name in self.parts and name not in done]
            lost = False
            try:
                for name in (name for name in waiting if name in TOWN_PARTS):
                    self._measure(name, session, None, run, done, failed)
                if any(name in TRACK_PARTS for name in waiting):
                    track = self._enter_track(session)
                    run_on_track = [name for name in waiting if name in TRACK_PARTS]
                    for name in run_on_track:
                        self._measure(name, session, track, run, done, failed)
            except ServerLost:
                lost = True
                raise
            finally:
                if not lost and session.server is None and session.map.name.rsplit("/", 1)[-1] != home:
                    self.console.print(f"loading {home} again")
                    session.load_map(home)
            unfinished = {name: failed.get(name, "not measured") for name in PARTS if name not in done}
            write_report(self.out, run, [done[name] for name in PARTS if name in done], unfinished)
        return failed

    def _measure(
        self,
        name: str,
        session: Session,
        track: Track | None,
        run: dict,
        done: dict[str, Part],
        failed: dict[str, str],
    ) -> None:
        began_s = time.perf_counter()
        self.console.print(f"{name} ...", end=" ")
        try:
            part = self._part(name, session, track)
        except ServerLost:
            raise
        except (SimulatorError, TimeoutError, RuntimeError) as error:
            failed[name] = str(error)
            self.console.print(f"failed: {error}", markup=False)
            session.reset()
            return
        part.seconds = time.perf_counter() - began_s
        part.write(self._file(name), run)
        done[name] = part
        missing = sum(figure.value is None for figure in part.figures.values())
        self.console.print(f"{len(part.figures)} figures, {missing} of them missing, {part.seconds:.1f} s")

    def _part(self, name: str, session: Session, track: Track | None) -> Part:
        if track is None:
            measure: dict[str, Callable[[], Part]] = {
                "library": lambda: measure_library(session, self.vehicles),
                "map": lambda: measure_map(session),
                "timing": lambda: self._timing(session),
                "map weather": lambda: self._town_weather(session),
            }
        else:
            view = track.pose(100.0, 0.0, 3.0)
            measure = {
                "driving": lambda: measure_driving(session, track, self.vehicles),
                "sensors": lambda: measure_sensors(session, track),
                "weather": lambda: measure_weather(session, view, self.presets, name, "weather/", self.out),
            }
        return measure[name]()

    def _timing(self, session: Session) -> Part:
        try:
            return measure_timing(session, self.timing_ticks)
        except (
            TrafficManagerStalled
        ):  # the client's own race, see docs/carla-compatibility.md; once more from the start
            session.reset()
            return measure_timing(session, self.timing_ticks)

    def _town_weather(self, session: Session) -> Part:
        view = session.map.get_spawn_points()[0]
        view.location.z += 2.5
        return measure_weather(session, view, self.presets, "map weather", "map/weather/", self.out)

    def _enter_track(self, session: Session) -> Track:
        if not self.generate_track:
            return longest_straight(session.map)
        self.console.print("generating the test track")
        try:
            session.load_opendrive(opendrive())
        except ServerLost:
            raise
        except SimulatorError as error:
            self.console.print(f"{error}; driving on the map's longest straight instead", markup=False)
            return longest_straight(session.map)
        return generated_track()

    def _identity(self, session: Session, home: str) -> dict:
        return {
            "server": {"version": session.server_info.version, "is_ours": session.server_info.is_ours, "map": home},
            "delta_s": self.simulator.fixed_delta_s,
            "vehicles": list(self.vehicles),
            "presets": list(self.presets),
            "generate_track": self.generate_track,
        }

    def _read(self, run: dict) -> dict[str, Part]:
        done = {}
        for name in PARTS:
            file = self._file(name)
            if not file.exists():
                continue
            part, its_run = Part.read(file)
            if its_run != run:
                changed = sorted(key for key in run if its_run.get(key) != run[key])
                raise ValueError(
                    f"{file} was measured with another {', '.join(changed)} ({its_run.get(changed[0])!r}, now "
                    f"{run[changed[0]]!r}); give another --out, or delete it to measure anew"
                )
            done[name] = part
        return done

    def _file(self, name: str) -> Path:
        return self.out / "parts" / f"{name.replace(' ', '_')}.json"
