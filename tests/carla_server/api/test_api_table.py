"""The table of procedures covers what the client knows and answers without ever raising."""

import pytest

from carla_server.api.procedures import PROCEDURES, advances_time
from carla_server.api.table import Procedure, Returns, rows
from carla_server.wire.rpc import Request

CLIENT_PROCEDURES = """
version get_episode_info get_map_info get_map_data get_available_maps load_new_episode copy_opendrive_to_file
get_required_files request_file get_navigation_mesh load_map_layer unload_map_layer get_names_of_all_objects
get_actor_definitions get_spectator tick_cue get_episode_settings set_episode_settings get_weather_parameters
set_weather_parameters get_imui_gravity set_imui_gravity set_annotations_traverse_translucency get_actors_by_id
spawn_actor spawn_actor_with_parent destroy_actor get_actor_bounding_box set_actor_simulate_physics
set_actor_collisions set_actor_dead set_actor_location set_actor_transform set_actor_target_velocity
set_actor_target_angular_velocity enable_actor_constant_velocity disable_actor_constant_velocity add_actor_impulse
add_actor_force add_actor_impulse_at_location add_actor_force_at_location add_actor_angular_impulse add_actor_torque
set_actor_enable_gravity set_actor_autopilot get_actor_component_names get_actor_bone_names get_actor_socket_names
get_actor_component_world_transform get_actor_component_relative_transform get_actor_bone_world_transforms
get_actor_bone_relative_transforms get_actor_socket_world_transforms get_actor_socket_relative_transforms
get_vehicle_bone_world_transforms apply_batch apply_control_to_vehicle get_physics_control apply_physics_control
get_vehicle_light_state set_vehicle_light_state get_vehicle_light_states apply_ackermann_control_to_vehicle
get_ackermann_controller_settings apply_ackermann_controller_settings get_telemetry_data show_vehicle_debug_telemetry
open_vehicle_door close_vehicle_door set_wheel_steer_direction get_wheel_steer_angle set_wheel_pitch_angle
get_wheel_pitch_angle enable_carsim use_carsim_road enable_chrono_physics restore_physx_physics
apply_control_to_walker get_bones_transform set_bones_transform blend_pose get_pose_from_animation
set_traffic_light_state set_traffic_light_green_time set_traffic_light_yellow_time set_traffic_light_red_time
freeze_traffic_light freeze_all_traffic_lights reset_traffic_light_group reset_all_traffic_lights
get_group_traffic_lights get_light_boxes is_traffic_manager_running get_traffic_manager_running
add_traffic_manager_running destroy_traffic_manager get_sensor_token get_gbuffer_token enable_gbuffers
are_gbuffers_enabled enable_sensor_for_ros disable_sensor_for_ros is_sensor_enabled_for_ros send
set_ignored_vehicles cast_ray project_point get_all_level_BBs get_environment_objects enable_environment_objects
query_lights_state update_lights_state update_day_night_cycle apply_color_texture_to_objects
apply_float_color_texture_to_objects draw_debug_shape clear_debug_shape clear_debug_string start_recorder
stop_recorder show_recorder_file_info show_recorder_collisions show_recorder_actors_blocked replay_file stop_replayer
set_replayer_time_factor set_replayer_ignore_hero set_replayer_ignore_spectator
"""


def test_every_procedure_of_the_client_is_in_the_table():
    names = CLIENT_PROCEDURES.split()
    assert [name for name in names if name not in PROCEDURES] == []
    assert len(set(names)) == len(names)


def test_a_row_knows_how_many_arguments_its_handler_takes():
    def greet(simulator, name, loudly=False):
        return None

    procedure = rows(Returns.VALUE, greet)["greet"]
    assert (procedure.fewest, procedure.most) == (1, 2)


@pytest.mark.parametrize(
    ("returns", "expected"),
    [(Returns.VALUE, [[0, ["why"]]]), (Returns.VOID, [[True, ["why"]]])],
)
def test_a_failure_has_the_wrapping_that_the_client_expects(returns, expected):
    assert Procedure.of(lambda simulator: None, returns).failure("why") == expected


def test_ticks_and_ticking_batches_advance_time_and_nothing_else_does():
    assert advances_time(Request(1, "tick_cue", ()))
    assert advances_time(Request(1, "apply_batch", ([], True)))
    assert not advances_time(Request(1, "apply_batch", ([], False)))
    assert not advances_time(Request(1, "apply_batch", ()))
    assert not advances_time(Request(1, "version", ()))
