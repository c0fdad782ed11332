"""One worker of `syndiff evaluate --workers`: drives what it is told on stdin, answers on stdout.

Lines of JSON in both directions, see `leaderboard.supervise`. Whatever an agent prints goes to stderr. When stdin
ends, whoever asked is gone, and the worker ends at once, in the middle of a drive too; what it started ends with it.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TextIO

from carla_agents.driving.route_planner import RoutePlanner
from carla_agents.simulator.errors import SimulatorError, TrafficManagerStalled
from carla_agents.simulator.session import Session
from leaderboard.criteria import TickFacts
from leaderboard.drive import DriveView
from leaderboard.evaluate import MAX_ATTEMPTS, drive_once, selected_routes, simulator_identity
from leaderboard.results import DriveKey, record_to_json
from syndiff.evaluation import driver_of, evaluation_config, options_from_json, simulator_config, strips_of_run

_BEAT_S = 0.5


class _Voice:
    """Says lines of JSON to the supervisor; fails when nobody listens any more, which ends the worker."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_s = 0.0

    def say(self, **message: Any) -> None:
        self._stream.write(json.dumps(message) + "\n")
        self._stream.flush()
        self._last_s = time.monotonic()

    def beat(self, view: DriveView, facts: TickFacts) -> None:
        if time.monotonic() - self._last_s > _BEAT_S:
            self.say(beat=facts.elapsed_s)


def _orders() -> Iterator[str]:
    """Lines of stdin, which a thread watches for its end."""
    arrived: queue.SimpleQueue[str] = queue.SimpleQueue()

    def watch() -> None:
        for line in sys.stdin:
            arrived.put(line)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    while True:
        yield arrived.get()


def main() -> None:
    """Serve until stdin ends."""
    voice = _Voice(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    orders = _orders()
    content = json.loads(next(orders))
    port = content.pop("port", None)
    options = options_from_json({**content, "port": port})
    driver, _ = driver_of(options)
    strips = strips_of_run(options)
    simulator = simulator_config(options)
    if port is not None:
        simulator = replace(simulator, host="127.0.0.1", port=port, loading_timeout_s=180.0)
    try:
        with evaluation_config(options) as config, Session.open(simulator) as session:
            specs = {spec.route_id: spec for spec in selected_routes(config)}
            server_pid = session.server.pid if session.server is not None else None
            towns = {spec.town for spec in specs.values()}
            if len(towns) == 1 and session.map.name.split("/")[-1] not in towns:
                session.load_map(next(iter(towns)))
            planner, town = RoutePlanner(session.map), session.map.name.split("/")[-1]
            voice.say(hello=os.getpid(), server_pid=server_pid, simulator=simulator_identity(session))
            for line in orders:
                key = DriveKey.parse(json.loads(line)["drive"])
                spec = specs[key.route_id]
                if spec.town != town:
                    session.load_map(spec.town)
                    planner, town = RoutePlanner(session.map), spec.town
                route = planner.plan(spec.waypoints_m)
                reason = ""
                for _ in range(MAX_ATTEMPTS):
                    try:
                        record = drive_once(session, spec, route, key, driver, config.drive, voice.beat, strips)
                    except TrafficManagerStalled as error:
                        reason = str(error)
                        continue
                    voice.say(record=record_to_json(record))
                    break
                else:
                    voice.say(failed=reason)
    except SimulatorError as error:
        voice.say(lost=str(error))
        # The client's Traffic Manager aborts a process that touches it after its server is gone.
        os._exit(1)


if __name__ == "__main__":
    main()
