"""Writes docs/carla-compatibility.md from the server's own tables; run `python docs/make_compatibility.py`."""

from __future__ import annotations

from pathlib import Path

from carla_server.api import procedures, unsupported
from carla_server.world.blueprints import ATTRIBUTES_WITHOUT_EFFECT, SENSORS
from carla_server.world.spawning import MEASURED_BY_CLIENT, SENSOR_FAMILIES

PAGE = Path(__file__).with_name("carla-compatibility.md")
HEAD = """# CARLA compatibility

*Written by `docs/make_compatibility.py` from the server's own tables.*

The embedded server answers the unmodified `carla==0.9.16` client. **It has never been compared with a real CARLA
server by us**: agreement with CARLA's documentation and with the client's own decoder is what the tests show.

What works is tested through the real client in `tests/carla_server/contract`. What is not served is answered with an
error that names the reason; the client ignores the refusal of calls that it sends without waiting for an answer
(`show_vehicle_debug_telemetry`, ...).

## Known limits of the client itself
- Never let `apply_batch_sync(..., True)` tick while cameras listen: the client holds Python's lock during the batch.
  Send the batch with `False`, then tick.
- The Traffic Manager of a client loses a wake-up, and `world.tick()` never returns, if it is ticked faster than its
  thread falls asleep. This server therefore holds a tick back until that thread has had time to
  (`carla_server/rhythm.py`); on a busy machine it remains possible, and rarer still at the end of a step. A script of
  plain client calls has to be started again then. `Session.tick` looks at the thread itself before it ticks
  (`carla_agents/simulator/thread_watch.py`); another process frees a tick that hangs nevertheless
  (`carla_agents/simulator/stall_watch.py`), `Session.tick` raises `TrafficManagerStalled`, and the drive has to be
  driven again (`evaluate` and `record` do).
- Walkers with `controller.ai.walker` look up traffic lights once per process; `Session.reset` makes the first episode
  like all later ones (`carla_agents/simulator/walker_lights.py`).
- If a server dies while a Traffic Manager lives, the client ends the whole process.
- The library drops the object that holds the episode during `load_world` and `reload_world` and makes a new one some
  calls later; a thread that looks for it in between ends the process with a fault of memory. That of an asynchronous
  Traffic Manager with cars does. This server lets it wait for an answer during that time
  (`carla_server/changeover.py`): eight programs that reloaded five times each while eight cars drove came to their
  end, without it three of three ended at their first reload. A map whose making takes longer than the client's
  time-out still ends the process; so shut the manager down (`shut_down()`) before such a load.

## Sensors
"""


SENSOR_NOTES = {
    "sensor.camera.cosmos_visualization": "control picture for Cosmos Transfer: road map and boxes as coloured lines "
    "on black, colours of CARLA 0.9.16, no fading with distance; 0.9.15 has no such sensor",
    "sensor.camera.depth": "metres = 1000 (R + 256 G + 65536 B) / (2^24 - 1), along the camera's axis",
    "sensor.camera.dvs": "made from two colour pictures; without events nothing is sent, as in CARLA; the client's "
    "own `to_array()` raises, `raw_data` and iteration work",
    "sensor.camera.instance_segmentation": "tag in R, actor id in G and B; scenery has ids of its own above 32767",
    "sensor.camera.normals": "127.5 (1 + x, y, z) in R, G, B, world axes; black sky; CARLA's own is not documented",
    "sensor.camera.optical_flow": "way since the last picture in halves of the picture, x right and y up; actors "
    "move as rigid bodies",
    "sensor.camera.rgb": "fov, size, `gamma`, `exposure_compensation` and, in manual mode, `iso`, `shutter_speed` "
    "and `fstop` (relative to their defaults); the histogram mode meters the picture itself, without memory; "
    "`bloom_intensity` (lamps), `lens_flare_intensity` (the sun, above 0.1), `chromatic_aberration_*`, `lens_*` "
    "(colour only; formula of our own, off at `lens_circle_multiplier` 0); `motion_blur_intensity` is the share of "
    "the time between two pictures that the shutter is open, 0 unless set (CARLA: 0.45), so that a picture does not "
    "depend on the one before; with CARLA's `motion_blur_max_distortion`, 0.35 % of the width, no streak reaches a "
    "pixel on pictures narrower than 286; shows debug drawing",
    "sensor.lidar.ray_cast": "meets the shapes that cameras draw from afar, its own car included unless it sits "
    "inside its box; only hits make points; a sensor_tick does not widen the sweep of one measurement",
    "sensor.lidar.ray_cast_semantic": "as above, without losses and noise; traffic lights and signs have their ids",
    "sensor.other.collision": "every contact, whatever its sensor_tick",
    "sensor.other.gnss": "noise and bias per axis, seeded",
    "sensor.other.imu": "noise and bias per axis, seeded; gravity by `world.set_imui_sensor_gravity`",
    "sensor.other.lane_invasion": "computed by the client itself",
    "sensor.other.obstacle": "a sphere swept against boxes of actors and obstacles",
    "sensor.other.radar": "the velocity is that at which the distance grows: what approaches has a negative one",
}

ABSENT_SENSORS = {
    "sensor.other.rss": "it exists only in CARLA built with Intel's library",
    "sensor.other.v2x": "the server has no model of radio between vehicles",
    "sensor.other.v2x_custom": "the server has no model of radio between vehicles",
}

SMOKE_TESTS = [
    ("test_blueprint", "passes", "", "library"),
    ("test_client", "passes", "", "session"),
    ("test_collision_determinism", "4 of 4 pass", "", "determinism"),
    (
        "test_collision_sensor",
        "passes at another place",
        "its place faces a wall of Unreal's Town03; moved before a building of TownGrid, all its 38 vehicles pass",
        "every_vehicle",
    ),
    ("test_determinism", "passes", "", "determinism"),
    (
        "test_geoconversion",
        "not applicable",
        "`carla.GeoEllipsoid` and the projections are calls of a later client; 0.9.16 has no such class",
        "",
    ),
    ("test_lidar", "5 of 5 pass", "", "rays"),
    ("test_map", "2 of 2 pass", "", "session, towns"),
    ("test_props_loading", "passes", "", "library"),
    ("test_sensor_determinism", "passes", "", "determinism"),
    ("test_sensor_tick_time", "passes", "", "sensors, rays, cameras"),
    ("test_snapshot", "passes", "", "session, towns"),
    (
        "test_spawnpoints",
        "passes",
        "38 vehicles at once on every point; the test itself leaves out the three largest, which fit one by one",
        "towns",
    ),
    ("test_streamming", "passes", "", "lifecycle"),
    ("test_sync", "3 of 3 pass", "", "session, sensors"),
    (
        "test_vehicle_physics",
        "10 of 10 pass",
        "its places lie on a motorway of Unreal's Town05 and a street of Town03; a flat road of ours lay there",
        "every_vehicle, vehicles",
    ),
    ("test_world", "passes", "", "session"),
]
"""Module of CARLA's smoke tests, what it said, why where it is not plain, and our tests of the same properties."""

SMOKE_TEXT = """CARLA's own smoke tests (`PythonAPI/test/smoke`, the state after 0.9.16) were run against the embedded
server as they are, apart from shorter pauses, maps that were not loaded twice (`Town01` and `Town01_Opt`), and the
places named here. `Town01` and `Town10HD` were CARLA's OpenDRIVE files, `Town02` to `Town05` stand-ins
(`--map-alias Town03=TownGrid`, ...): scenery of Unreal is what such tests may ask for and not get. The last column
names our tests of the same properties, `test_contract_*.py`."""

EXAMPLES_TEXT = """\
CARLA's examples (`PythonAPI/examples`, the same state; windows drawn by SDL's dummy driver) were run in
`Town10HD`. They reach their main loop or their end: `automatic_control`, `bounding_boxes`,
`client_bounding_boxes`, `draw_skeleton`, `dynamic_weather`, `generate_traffic` (also `--asynch --hybrid`),
`lidar_to_camera`, `manual_control`, `no_rendering_mode`, `sensor_synchronization`,
`show_recorder_actors_blocked`, `show_recorder_collisions`, `show_recorder_file_info`, `start_recording`,
`start_replaying` (that of 0.9.14; the later one needs a later client), `synchronous_mode`, `tutorial`,
`vehicle_gallery`, `vehicle_physics`, `visualize_multiple_sensors`. They do not: `V2XDemo` (no radio),
`tutorial_gbuffer` (no G-buffer streams), `get_component_test` (asks for a lamp in Unreal's model).

Some examples wait two seconds for an answer. The first camera of a server opens OpenGL and compiles shaders,
the first lidar or radar builds the shapes of the town; on a busy machine (two cores, load 8) the call that
spawned it took 4 to 6 and 2 seconds. Start such a script again, or give its client more time."""


def main() -> None:
    served = sorted(procedures.PROCEDURES)
    refused = {name: reason for _, reason, names in unsupported.REASONS for name in names.split()}
    lines = [HEAD.rstrip(), "", "| blueprint | state | notes |", "|---|---|---|"]
    for name in sorted(SENSORS):
        known = name in SENSOR_FAMILIES or name == MEASURED_BY_CLIENT
        state = "works" if known else "refused at spawn"
        lines.append(f"| `{name}` | {state} | {SENSOR_NOTES.get(name, '')} |")
    lines += [f"| `{name}` | not in the library | {reason} |" for name, reason in ABSENT_SENSORS.items()]
    idle = ", ".join(f"`{name}`" for name in sorted(ATTRIBUTES_WITHOUT_EFFECT))
    lines += ["", f"Attributes of sensors that are accepted and change nothing: {idle}."]
    lines += [
        "",
        "## Official smoke tests",
        "",
        SMOKE_TEXT,
        "",
        "| module | result | note | tests |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{module}` | {result} | {note} | {tests} |" for module, result, note, tests in SMOKE_TESTS]
    lines += ["", "## Examples of CARLA", "", EXAMPLES_TEXT]
    lines += ["", "## Remote procedures", "", "| name | state |", "|---|---|"]
    lines += [f"| `{name}` | {'refused: ' + refused[name] if name in refused else 'works'} |" for name in served]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{PAGE.name}: {len(served) - len(refused)} of {len(served)} procedures work")


if __name__ == "__main__":
    main()
