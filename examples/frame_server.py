"""A frame server: makes clips for `RemoteClips` on the machine that has the accelerator.

    python examples/frame_server.py --preset cosmos --weights models/cosmos --device cuda --precision bf16
    ssh -L 8473:127.0.0.1:8473 that-machine        # on the machine with the recordings
    syndiff synthesize-clips runs/drive --conditions rain-night --server http://127.0.0.1:8473

Without --preset it serves `procedural`, to try the way without weights. It listens on loopback only, has no
authentication, and makes one clip at a time. The protocol is in `augment/synthesizers/clip_wire.py`.
"""

from __future__ import annotations

import argparse
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from augment.synthesizers.clip_wire import (
    CONTENT_TYPE,
    FORMAT,
    MAX_MESSAGE_BYTES,
    PATH,
    VERSION,
    ClipWireError,
    pack_variants,
    unpack_clip,
)
from augment.synthesizers.clips import ClipSynthesizer, PerFrameClips

IDLE_S = 60.0
"""A client that sends nothing for so long is hung up on."""


def make_server(clips: ClipSynthesizer, port: int = 0, most_bytes: int = MAX_MESSAGE_BYTES) -> ThreadingHTTPServer:
    """A server of `clips` on loopback; `serve_forever` runs it, `server_address[1]` is its port."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = IDLE_S

        def do_GET(self) -> None:
            if self.path != PATH:
                self.answer_error(404, f"there is only {PATH}")
                return
            facts = {"format": FORMAT, "version": VERSION, "name": clips.name, "provenance": clips.provenance}
            self.answer(200, "application/json", json.dumps(facts).encode())

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self.path != PATH or self.headers.get("Content-Type") != CONTENT_TYPE:
                self.answer_error(404, f"post {CONTENT_TYPE} to {PATH}")
            elif not length.isascii() or not length.isdigit() or len(length) > 12 or int(length) > most_bytes:
                self.answer_error(413, f"Content-Length is {length[:20]!r}; expected at most {most_bytes}")
            else:
                self.make(self.rfile.read(int(length)))

        def make(self, body: bytes) -> None:
            try:
                clip, target, seed = unpack_clip(body)
                with one_at_a_time:
                    variants = clips(clip, target, seed)
                answer = pack_variants(variants)
            except (ClipWireError, ValueError) as error:
                self.answer_error(400, str(error))
            except Exception as error:  # the server stays up whatever a model does
                logging.exception("a clip failed")
                self.answer_error(500, f"{type(error).__name__}: {error}")
            else:
                self.answer(200, CONTENT_TYPE, answer)

        def answer_error(self, status: int, reason: str) -> None:
            self.answer(status, "application/json", json.dumps({"error": reason}).encode())

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            logging.info("%s %s", self.address_string(), format % args)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8473)
    parser.add_argument("--preset", help="a preset of `syndiff presets`; without it: procedural")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "fp16", "bf16"), default="fp32")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    server = make_server(_clips(options), options.port)
    print(f"serving on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def _clips(options: argparse.Namespace) -> ClipSynthesizer:
    if options.preset is None:
        from augment.synthesizers.procedural import ProceduralSynthesizer

        return PerFrameClips(ProceduralSynthesizer())
    from augment.synthesizers.preset_pipelines import Placement
    from syndiff.preset_choice import PresetChoice, preset_clips

    placement = Placement(options.device, options.precision)
    return preset_clips(PresetChoice(options.preset, placement), options.weights)


if __name__ == "__main__":
    main()
