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
from leaderboard.evaluate import (
    MAX_ATTEMPTS,
    EvaluationConfig,
    drive_once,
    enter_town,
    selected_routes,
    simulator_identity,
)
from leaderboard.results import DriveKey, record_to_json
from syndiff.commands.evaluate import Evaluate
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


def _opened(options: Evaluate, config: EvaluationConfig) -> Session:
    simulator = simulator_config(options, config)
    if options.port is not None:  # the supervisor's, of a CARLA that it has just started
        simulator = replace(simulator, host="127.0.0.1", loading_timeout_s=180.0)
    return Session.open(simulator)


def main() -> None:
    """Serve until stdin ends."""
    voice = _Voice(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    orders = _orders()
    content = json.loads(next(orders))
    options = options_from_json({**content, "port": content.get("port")})
    driver, _ = driver_of(options)
    strips = strips_of_run(options)
    try:
        with evaluation_config(options) as config, _opened(options, config) as session:
            specs = {spec.route_id: spec for spec in selected_routes(config)}
            server_pid = session.server.pid if session.server is not None else None
            planner = RoutePlanner(session.map)
            voice.say(hello=os.getpid(), server_pid=server_pid, simulator=simulator_identity(session))
            for line in orders:
                key = DriveKey.parse(json.loads(line)["drive"])
                spec = specs[key.route_id]
                if enter_town(session, spec.town):
                    planner = RoutePlanner(session.map)
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
