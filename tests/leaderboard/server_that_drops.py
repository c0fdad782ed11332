"""`server_that_drops.py FLAG ARGUMENTS`: `carla_server.launcher`, but one message of one sensor is never sent.

It happens once: FLAG is a file that remembers it.
"""

import sys
from pathlib import Path

from carla_server import launcher, net
from carla_server.world.population import WORLD_STREAM_ID

DROPPED = 60


def main(flag: Path, arguments: list[str]) -> int:
    publish = net.Server._publish
    sent = 0

    def publish_all_but_one(server, stream_id, buffers):
        nonlocal sent
        sent += stream_id != WORLD_STREAM_ID
        if sent == DROPPED and not flag.exists():
            flag.touch()
            return
        publish(server, stream_id, buffers)

    net.Server._publish = publish_all_but_one
    return launcher.run(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
