"""`python -m carla_server`: bind, load the map, serve until told to stop."""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carla_server.api import extensions
from carla_server.api.procedures import PROCEDURES
from carla_server.api.simulator import Simulator
from carla_server.api.table import Dispatcher, unknown_procedure
from carla_server.net import PortInUse, Server
from carla_server.render.style import STYLES
from carla_server.wire.layouts import DEFAULT_VERSION, LAYOUTS, Layout
from carla_server.wire.rpc import Request, ok
from carla_server.wire.structs import EpisodeSettings

if TYPE_CHECKING:
    from carla_server.render.opening import RendererOpener

EXIT_USAGE = 2
EXIT_MAP = 3


class LoadingAnswers:
    """Answers while the map is being loaded: the version, and for everything else how to go on."""

    def __init__(self, layout: Layout, map_name: str) -> None:
        self._layout = layout
        self._map_name = map_name

    def __call__(self, request: Request) -> tuple[Any, str | None]:
        """Result and error for `RpcWriter.reply`."""
        if request.name == "version":
            return ok(self._layout.version), None
        procedure = PROCEDURES.get(request.name)
        if procedure is None:
            return None, unknown_procedure(request)
        return procedure.failure(f"still loading map {self._map_name}; try again in a few seconds"), None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    options = _parser().parse_args(arguments)
    layout = LAYOUTS[options.protocol]
    streaming_port = options.streaming_port
    if streaming_port is None:
        streaming_port = options.port + 1 if options.port else 0
    try:
        server = Server(options.host, options.port, streaming_port, while_loading=LoadingAnswers(layout, options.map))
    except PortInUse as error:
        print(f"carla_server: {error}. Choose another --port, or 0 for any free one.", file=sys.stderr)
        return EXIT_USAGE
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    loader = _Loader(server, options, layout)
    loader.thread.start()
    if options.exit_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    server.on_wake = loader.take_over
    server.run()
    loader.finish()
    return loader.exit_code


class _Loader:
    """Loads the first map beside the loop, which meanwhile answers that it is still loading."""

    def __init__(self, server: Server, options: argparse.Namespace, layout: Layout) -> None:
        self.thread = threading.Thread(target=self._load, daemon=True)
        self.exit_code = 0
        self._server = server
        self._options = options
        self._layout = layout
        self._simulator: Simulator | None = None
        self._opener: RendererOpener | None = None
        self._started = False

    def take_over(self) -> None:
        """In the loop's thread: start serving once the map is there, or stop if it cannot be loaded."""
        if self._started or (self.thread.is_alive() and self._simulator is None and not self.exit_code):
            return
        if self._simulator is None:
            self._server.stop()
            return
        self._started = True
        hidden = extensions.PROCEDURES if self._options.no_extensions else {}
        offered = {name: procedure for name, procedure in PROCEDURES.items() if name not in hidden}
        self._server.start(self._simulator, Dispatcher(offered, self._simulator, self._server.tick))
        ready = {
            "ready": True,
            "rpc_port": self._server.rpc_port,
            "streaming_port": self._server.streaming_port,
            "map": self._simulator.world.town.name,
            "renderer": "off" if self._options.no_rendering else "opened with the first camera",
        }
        gc.collect()
        gc.freeze()  # the town stays; searching its many objects for garbage again and again would cost ticks
        print(json.dumps(ready), flush=True)
        if self._opener is not None:
            self._server.on_idle = self._opener.step

    def finish(self) -> None:
        """After the loop: close what must not be lost."""
        if self._simulator is not None:
            self._simulator.recordings.stop()

    def _load(self) -> None:
        from carla_server.kernels import prepare_kernels
        from carla_server.recorder.recordings import Recordings
        from carla_server.world.town_source import ShippedTowns  # loading carla.Map takes a while
        from carla_server.world.world import World

        options = self._options
        try:
            prepare_kernels(rendering=not options.no_rendering)
            towns = ShippedTowns(options.map_dir, dict(options.map_alias))
            town = towns.load(options.map)
            if not options.no_rendering:
                from carla_server.render.opening import RendererOpener  # it loads the kernels of the cameras

                self._opener = RendererOpener(options.style)
                self._opener.prepare(town)
            world = World(
                town,
                seed=options.seed,
                layout=self._layout,
                open_renderer=self._opener,
            )
            delta_s = options.fixed_delta_s
            world.settings = replace(
                EpisodeSettings(),
                synchronous_mode=options.synchronous,
                fixed_delta_s=delta_s,
                no_rendering_mode=options.no_rendering,
            )
            self._simulator = Simulator(
                world,
                towns,
                self._server.streaming_port,
                recordings=Recordings(options.recorder_dir),
                style=options.style,
            )
        except (ValueError, OSError) as error:
            print(f"carla_server: {error}", file=sys.stderr)
            self.exit_code = EXIT_MAP
        finally:
            if self._simulator is None and not self.exit_code:
                self.exit_code = 1
            self._server.wake()


def _stop_at_end_of_input(server: Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # not the buffered reader: its lock must be free at exit
        pass
    server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m carla_server", description="A simulator for the unmodified CARLA 0.9.16 client."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=2000, help="port for remote calls; 0 picks a free one")
    parser.add_argument("--streaming-port", type=_port, help="port for streams (default: the next one)")
    parser.add_argument("--map", default="TownGrid", help="map to load first")
    parser.add_argument("--map-dir", type=Path, help="folder with further OpenDRIVE files (*.xodr)")
    parser.add_argument(
        "--recorder-dir", type=Path, default=Path(), help="folder of all recordings (default: the working directory)"
    )
    parser.add_argument(
        "--map-alias",
        type=_alias,
        action="append",
        default=[],
        metavar="NAME=MAP",
        help="serve MAP also under NAME, for clients that ask for a map that is not here; may be repeated",
    )
    parser.add_argument("--seed", type=int, default=0, help="everything random derives from it")
    parser.add_argument("--no-rendering", action="store_true", help="refuse cameras; needs no GL")
    parser.add_argument(
        "--no-extensions", action="store_true", help="serve CARLA's own procedures only, for tests of plain clients"
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="default",
        help="art style of colour cameras; labels are the same in all. No shipped weight was trained on `painted`",
    )
    parser.add_argument("--synchronous", action="store_true", help="start in synchronous mode, at --fixed-delta-s")
    parser.add_argument("--fixed-delta-s", type=_delta, help="length of a tick in seconds from the start")
    parser.add_argument(
        "--carla-version",
        "--protocol",
        dest="protocol",
        choices=sorted(LAYOUTS),
        default=DEFAULT_VERSION,
        help="version of the clients, whose dialect all connections speak",
    )
    parser.add_argument("--exit-with-parent", action="store_true", help="stop when standard input ends")
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65534:
        raise argparse.ArgumentTypeError(f"{value} is not in 0 .. 65534")
    return value


def _alias(text: str) -> tuple[str, str]:
    alias, equals, name = text.partition("=")
    if not (alias and equals and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=MAP")
    return alias, name


def _delta(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 10.0:
        raise argparse.ArgumentTypeError(f"{value} is not in (0, 10] seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
