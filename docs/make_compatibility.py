"""Writes docs/carla-compatibility.md from the server's own tables; run `python docs/make_compatibility.py`."""

from __future__ import annotations

from pathlib import Path

from carla_server.api import procedures, unsupported
from carla_server.world.blueprints import SENSORS
from carla_server.world.spawning import MEASURED_BY_CLIENT, REFUSED_SENSORS, SENSOR_FAMILIES

PAGE = Path(__file__).with_name("carla-compatibility.md")
HEAD = """# CARLA compatibility

*Written by `docs/make_compatibility.py` from the server's own tables.*

The embedded server answers the unmodified `carla==0.9.16` client. **It has never been compared with a real CARLA
server by us**: agreement with CARLA's documentation and with the client's own decoder is what the tests show.

What works is tested through the real client in `tests/carla_server/contract`. What is not served is answered with an
error that names the reason; calls that the client sends without waiting for an answer (`draw_debug_shape`, ...) are
ignored by the client when refused.

## Known limits of the client itself
- Never let `apply_batch_sync(..., True)` tick while cameras listen: the client holds Python's lock during the batch.
  Send the batch with `False`, then tick.
- The Traffic Manager of a client loses a wake-up if it is ticked faster than its thread falls asleep; `Session.tick`
  waits for it (`carla_agents/simulator/thread_watch.py`). On a busy machine it can lose one at the end of a step too,
  and `world.tick()` never returns; another process frees it (`carla_agents/simulator/stall_watch.py`), `Session.tick`
  raises `TrafficManagerStalled`, and the drive has to be driven again (`evaluate` and `record` do).
- Walkers with `controller.ai.walker` look up traffic lights once per process; `Session.reset` makes the first episode
  like all later ones (`carla_agents/simulator/walker_lights.py`).
- If a server dies while a Traffic Manager lives, the client ends the whole process.

## Sensors
"""


def main() -> None:
    served = sorted(procedures.PROCEDURES)
    refused = {name: reason for _, reason, names in unsupported.REASONS for name in names.split()}
    lines = [HEAD.rstrip(), "", "| blueprint | state |", "|---|---|"]
    for name in sorted(SENSORS):
        known = name in SENSOR_FAMILIES or name == MEASURED_BY_CLIENT
        why = REFUSED_SENSORS.get(name, "not built yet")
        lines.append(f"| `{name}` | {'works' if known else f'refused at spawn: {why}'} |")
    lines += ["", "## Remote procedures", "", "| name | state |", "|---|---|"]
    lines += [f"| `{name}` | {'refused: ' + refused[name] if name in refused else 'works'} |" for name in served]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{PAGE.name}: {len(served) - len(refused)} of {len(served)} procedures work")


if __name__ == "__main__":
    main()
