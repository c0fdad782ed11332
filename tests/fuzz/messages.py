"""Plausible messages of every remote procedure, and ways to spoil them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np

LIGHT, SIGN, SPECTATOR, CAR, WALKER, SENSOR = 1, 3, 4, 5, 6, 7
"""Actor ids in the world that `prepare` of `test_fuzz_procedures` makes."""

V3 = [1.0, 2.0, 0.5]
POSE = [V3, [0.0, 90.0, 0.0]]
CONTROL = [0.5, 0.1, 0.0, False, False, False, 0]
SETTINGS = [True, False, [True, 0.05], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True]
WEATHER = [5.0, 0.0, 0.0, 10.0, -1.0, 45.0, 2.0, 0.75, 0.1, 0.0, 1.0, 0.03, 0.0331, 0.0]
CAR_DESCRIPTION = [0, "vehicle.audi.tt", [["color", 5, "255,0,0"], ["role_name", 4, "hero"]]]
IMU_DESCRIPTION = [0, "sensor.other.imu", [["sensor_tick", 3, "0.1"]]]
BOX = [V3, [1.0, 1.0, 1.0], [0.0, 0.0, 0.0], 0]
WHEEL = [3.5, 0.25, 70.0, 35.5, 800.0, 0.0, 3.0, 20.0, 3000.0, [10.0, 20.0, 30.0]]
PHYSICS = [
    *([[0.0, 400.0], [5000.0, 300.0]], 6000.0, 1.0, 0.15, 2.0, 0.35, True, 0.5, 10.0, 4.0),
    *([[4.0, 0.5, 0.65], [2.0, 0.5, 0.65]], 1500.0, 0.3, [0.0, 0.0, -0.2], [[0.0, 1.0], [120.0, 0.5]]),
    *([WHEEL] * 4, False),
]
BATCH = [
    [[0, [CAR_DESCRIPTION, POSE, [True, CAR], 0, "", [[[16, [0, True]]]]]]],
    *(
        [
            [[1, [987]]],
            [[2, [CAR, CONTROL]]],
            [[3, [CAR, [0.1, 0.0, 5.0, 1.0, 0.0]]]],
            [[4, [WALKER, [V3, 1.0, False]]]],
        ]
    ),
    *([[[5, [CAR, PHYSICS]]], [[6, [CAR, POSE]]], [[7, [WALKER, POSE, 1.0]]], [[8, [CAR, V3]]], [[14, [CAR, True]]]]),
    *([[[18, [CAR, 3]]], [[19, [CAR, V3]]], [[20, ["stat fps"]]], [[21, [LIGHT, 2]]]]),
]
SHAPES = [
    [[[0, [V3, 0.1]]], [255, 0, 0], 1.0, False],
    [[[2, [[V3, POSE[1], 0.1], 0.2]]], [255, 0, 0], -1.0, True],
    [[[3, [BOX, [0.0, 0.0, 0.0], 0.1]]], [255, 0, 0], 1.0, False],
    [[[4, [V3, "hello", True]]], [255, 0, 0], 1.0, False],
]

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        [
            "version",
            "get_episode_info",
            "get_map_info",
            "get_map_data",
            "get_available_maps",
            "get_actor_definitions",
            "get_spectator",
            "get_episode_settings",
            "get_weather_parameters",
            "get_vehicle_light_states",
            "reset_all_traffic_lights",
            "tick_cue",
            "get_names_of_all_objects",
            "get_navigation_mesh",
            "get_imui_gravity",
            "stop_recorder",
            "clear_debug_shape",
            "clear_debug_string",
        ],
        (),
    ),
    **dict.fromkeys(
        [
            "get_actor_bounding_box",
            "get_actor_component_names",
            "get_actor_bone_names",
            "get_actor_socket_names",
            "get_physics_control",
            "get_vehicle_light_state",
            "get_telemetry_data",
            "get_ackermann_controller_settings",
            "disable_actor_constant_velocity",
            "get_actor_bone_world_transforms",
            "get_actor_bone_relative_transforms",
            "get_actor_socket_world_transforms",
            "get_actor_socket_relative_transforms",
            "restore_physx_physics",
            "get_vehicle_bone_world_transforms",
        ],
        (CAR,),
    ),
    **dict.fromkeys(
        [
            "set_actor_location",
            "set_actor_target_velocity",
            "set_actor_target_angular_velocity",
            "add_actor_impulse",
            "enable_actor_constant_velocity",
            "add_actor_force",
            "add_actor_angular_impulse",
            "add_actor_torque",
        ],
        (CAR, V3),
    ),
    **dict.fromkeys(["add_actor_impulse_at_location", "add_actor_force_at_location"], (CAR, V3, V3)),
    **dict.fromkeys(
        [
            "set_actor_simulate_physics",
            "set_actor_enable_gravity",
            "set_actor_collisions",
            "set_actor_autopilot",
            "show_vehicle_debug_telemetry",
            "use_carsim_road",
            "enable_gbuffers",
        ],
        (CAR, True),
    ),
    **dict.fromkeys(
        ["open_vehicle_door", "close_vehicle_door", "get_wheel_steer_angle", "get_wheel_pitch_angle"], (CAR, 1)
    ),
    **dict.fromkeys(["set_wheel_steer_direction", "set_wheel_pitch_angle"], (CAR, 1, 20.0)),
    **dict.fromkeys(["get_bones_transform", "get_pose_from_animation", "set_actor_dead"], (WALKER,)),
    **dict.fromkeys(
        ["set_traffic_light_green_time", "set_traffic_light_yellow_time", "set_traffic_light_red_time"], (LIGHT, 4.0)
    ),
    **dict.fromkeys(["reset_traffic_light_group", "get_group_traffic_lights", "get_light_boxes"], (LIGHT,)),
    **dict.fromkeys(
        ["is_traffic_manager_running", "get_traffic_manager_running", "destroy_traffic_manager"], (8000,)
    ),
    **dict.fromkeys(["get_all_level_BBs", "get_environment_objects"], (255,)),
    **dict.fromkeys(
        [
            "get_sensor_token",
            "enable_sensor_for_ros",
            "disable_sensor_for_ros",
            "is_sensor_enabled_for_ros",
            "are_gbuffers_enabled",
        ],
        (2,),
    ),
    **dict.fromkeys(["load_map_layer", "unload_map_layer"], (1,)),
    **dict.fromkeys(["get_required_files", "request_file", "query_lights_state"], ("Nav",)),
    **dict.fromkeys(["set_replayer_ignore_hero", "set_replayer_ignore_spectator", "stop_replayer"], (True,)),
    **dict.fromkeys(
        ["apply_color_texture_to_objects", "apply_float_color_texture_to_objects"],
        (["wall"], 0, [1, 1, [[1, 2, 3, 4]]]),
    ),
    "load_new_episode": ("", False, 65535),
    "copy_opendrive_to_file": ("<OpenDRIVE></OpenDRIVE>", [2.0, 50.0, 1.0, 0.6, True, True, True]),
    "set_episode_settings": (SETTINGS,),
    "set_weather_parameters": (WEATHER,),
    "set_imui_gravity": (9.81,),
    "set_annotations_traverse_translucency": (True,),
    "get_actors_by_id": ([LIGHT, SPECTATOR, CAR, 99],),
    "spawn_actor": (CAR_DESCRIPTION, POSE),
    "spawn_actor_with_parent": (IMU_DESCRIPTION, POSE, CAR, 1, ""),
    "destroy_actor": (987,),
    "set_actor_transform": (CAR, POSE),
    "get_actor_component_world_transform": (CAR, "root"),
    "get_actor_component_relative_transform": (CAR, "root"),
    "apply_batch": (BATCH, False),
    "apply_control_to_vehicle": (CAR, CONTROL),
    "apply_physics_control": (CAR, PHYSICS),
    "set_vehicle_light_state": (CAR, [3]),
    "apply_ackermann_control_to_vehicle": (CAR, [0.1, 0.0, 5.0, 1.0, 0.0]),
    "apply_ackermann_controller_settings": (CAR, [0.15, 0.0, 0.25, 0.01, 0.0, 0.01]),
    "enable_carsim": (CAR, "file"),
    "enable_chrono_physics": (CAR, 5, 0.001, "a", "b", "c", "d"),
    "apply_control_to_walker": (WALKER, [V3, 1.4, False]),
    "set_bones_transform": (WALKER, [[["crl_arm__L", POSE]]]),
    "blend_pose": (WALKER, 0.5),
    "set_traffic_light_state": (LIGHT, 2),
    "freeze_traffic_light": (LIGHT, True),
    "freeze_all_traffic_lights": (False,),
    "add_traffic_manager_running": (["127.0.0.1", 8000],),
    "get_gbuffer_token": (SENSOR, 1),
    "send": (SENSOR, "hello"),
    "set_ignored_vehicles": (SENSOR, [CAR]),
    "cast_ray": (V3, [1.0, 2.0, -5.0]),
    "project_point": (V3, [0.0, 0.0, -1.0], 100.0),
    "enable_environment_objects": ([1, 2], False),
    "update_lights_state": ("client", [[2, V3, 100.0, 2, [255, 255, 255], True]], False),
    "update_day_night_cycle": ("client", True),
    "draw_debug_shape": (SHAPES[0],),
    "start_recorder": ("fuzz.log", True),
    "show_recorder_file_info": ("fuzz.log", True),
    "show_recorder_collisions": ("fuzz.log", 97, 118),
    "show_recorder_actors_blocked": ("fuzz.log", 1.0, 10.0),
    "replay_file": ("fuzz.log", 0.0, 0.0, 0, False, POSE),
    "set_replayer_time_factor": (1.0,),
    "syndiff.capabilities": (),
    "syndiff.count_ids_anew": (),
    "syndiff.relight": (SENSOR, 2, [[WEATHER, [[CAR, 3]]]]),
}
"""Arguments that each procedure takes, without CARLA's metadata."""

_ODD_VALUES = (
    *(None, True, False, 0, 1, -1, 255, 256, 65535, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 1e-45, 1e9, 1e38, -1e300, float("nan"), float("inf"), float("-inf")),
    *("", "x", "../../etc/passwd", "\0", "a" * 3000, "vehicle.audi.tt", "1e999", b"", b"\xff" * 64),
    *([], [[]], [[[[[]]]]], {}, {"a": 1}, [0] * 300, [None] * 3),
)

_ODD_BYTES = (
    *(b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"),
    *(
        b"\xc9\x7f\xff\xff\xff\x01",
        b"\xdc\xff\xff",
        b"\xc1",
        b"\x94\x00",
        b"\x91" * 2000,
        b"\xc7\x00\x01",
        b"\xd4\x00",
    ),
)


def requests() -> list[bytes]:
    """One request of every procedure, packed; the shapes and the batch as such too."""
    calls = [*ARGUMENTS.items(), *(("draw_debug_shape", (shape,)) for shape in SHAPES)]
    return [pack(number, name, arguments) for number, (name, arguments) in enumerate(calls)]


def pack(number: int, name: str, arguments: tuple[Any, ...]) -> bytes:
    """A request as a client sends it."""
    return msgpack.packb([0, number, name, [[False], *arguments]])


def spoiled_bytes(random: np.random.Generator, samples: list[bytes]) -> Iterator[bytes]:
    """Endless messages with flipped, lost, doubled, foreign and hostile bytes."""
    while True:
        picks, kinds = random.integers(0, len(samples), 512), random.integers(0, 7, 512)
        for pick, kind, a, b in zip(picks.tolist(), kinds.tolist(), random.random(512), random.random(512)):
            data = samples[pick]
            at, to = sorted((int(a * len(data)), int(b * len(data))))
            if kind == 0:
                yield data[:at] + bytes(((data[at] ^ (1 << (to & 7))),)) + data[at + 1 :]
            elif kind == 1:
                yield data[:at]
            elif kind == 2:
                yield data[:to] + data[at:]
            elif kind == 3:
                yield data[:at] + data[to:]
            elif kind == 4:
                yield data[:at] + _ODD_BYTES[to % len(_ODD_BYTES)] + data[at:]
            elif kind == 5:
                yield data[:at] + samples[picks[to % 512]][at:]
            else:
                yield struct.pack("<Q", pick * to + at)[: 1 + to % 8] + data[at:to]


def spoiled_value(random: np.random.Generator, value: Any) -> Any:
    """A copy of an argument tree with one node replaced, removed or doubled."""
    if isinstance(value, list | tuple) and value and random.random() < 0.85:
        items = list(value)
        at = int(random.integers(len(items)))
        chance = random.random()
        if chance < 0.06:
            del items[at]
        elif chance < 0.12:
            items.insert(at, items[at])
        else:
            items[at] = spoiled_value(random, items[at])
        return items
    return _ODD_VALUES[int(random.integers(len(_ODD_VALUES)))]
