"""Calls of actors: vehicles, walkers, sensors and batches of commands."""

import carla
from told_call import call


def walk_actor(car, other):
    for name in (
        *("actor_state", "attributes", "bounding_box", "id", "is_active", "is_alive", "is_dormant", "parent"),
        *("semantic_tags", "type_id", "get_acceleration", "get_angular_velocity", "get_bone_names", "get_location"),
        *("get_bone_relative_transforms", "get_bone_world_transforms", "get_component_names", "get_socket_names"),
        *(
            "get_socket_relative_transforms",
            "get_socket_world_transforms",
            "get_transform",
            "get_velocity",
            "get_world",
        ),
    ):
        call(car, name)
    for name in ("get_component_relative_transform", "get_component_world_transform"):
        call(car, name, "root")
    push = carla.Vector3D(10, 0, 0)
    for name in ("add_angular_impulse", "add_force", "add_impulse", "add_torque", "enable_constant_velocity"):
        call(other, name, push)
    call(other, "disable_constant_velocity")
    for name in ("set_target_angular_velocity", "set_target_velocity"):
        call(other, name, push)
    for name in ("set_collisions", "set_enable_gravity", "set_simulate_physics"):
        call(other, name, True)
    call(other, "set_location", other.get_location())
    call(other, "set_transform", other.get_transform())


def walk_vehicle(car):
    for name in (
        *("get_ackermann_controller_settings", "get_control", "get_failure_state", "get_light_state"),
        *("get_physics_control", "get_speed_limit", "get_telemetry_data", "get_traffic_light"),
        *("get_traffic_light_state", "get_vehicle_bone_world_transforms", "is_at_traffic_light"),
        *("restore_physx_physics",),
    ):
        call(car, name)
    call(car, "apply_control", carla.VehicleControl(throttle=0.5))
    call(car, "apply_ackermann_control", carla.VehicleAckermannControl(speed=3.0))
    call(car, "apply_ackermann_controller_settings", carla.AckermannControllerSettings())
    call(car, "apply_physics_control", car.get_physics_control())
    wheel = carla.VehicleWheelLocation.FL_Wheel
    for name in ("get_wheel_steer_angle", "get_wheel_pitch_angle"):
        call(car, name, wheel)
    for name in ("set_wheel_steer_direction", "set_wheel_pitch_angle"):
        call(car, name, wheel, 10.0)
    for name in ("open_door", "close_door"):
        call(car, name, carla.VehicleDoor.FL)
    call(car, "set_light_state", carla.VehicleLightState(carla.VehicleLightState.Brake))
    call(car, "show_debug_telemetry", True)
    call(car, "enable_carsim", "file.sim")
    call(car, "use_carsim_road", True)
    call(car, "enable_chrono_physics", 5000, 0.002, "a.json", "b.json", "c.json", "folder")


def walk_walker(world, person, mind):
    call(person, "apply_control", carla.WalkerControl(carla.Vector3D(1, 0, 0), 1.0))
    call(person, "get_control")
    call(person, "get_bones")
    bones = carla.WalkerBoneControlIn()
    bones.bone_transforms = [("crl_arm__L", carla.Transform())]
    call(person, "set_bones", bones)
    call(person, "blend_pose", 0.5)
    for name in ("get_pose_from_animation", "hide_pose", "show_pose"):
        call(person, name)
    call(mind, "start")
    call(mind, "go_to_location", person.get_location())
    call(mind, "set_max_speed", 1.4)
    call(world, "tick")
    call(mind, "stop")


def walk_sensors(world, camera, gnss):
    call(gnss, "is_listening")
    call(gnss, "listen", lambda measured: None)
    call(world, "tick")
    call(gnss, "stop")
    for name in ("enable_for_ros", "disable_for_ros", "is_enabled_for_ros", "get_ignored_vehicles"):
        call(camera, name)
    gbuffer = carla.GBufferTextureID.SceneColor
    call(camera, "enable_gbuffers", True)
    call(camera, "is_listening_gbuffer", gbuffer)
    call(camera, "listen_to_gbuffer", gbuffer, lambda picture: None)
    call(camera, "stop_gbuffer", gbuffer)
    call(camera, "set_ignored_vehicles", [])
    call(camera, "send", "hello")
    call(world, "tick")


def walk_batch(client, other):
    commands = [
        carla.command.ApplyVehicleControl(other, carla.VehicleControl()),
        carla.command.ApplyTransform(other, other.get_transform()),
        carla.command.DestroyActor(987_654),
    ]
    call(client, "apply_batch", commands)
    answers = call(client, "apply_batch_sync", commands, False)
    assert [bool(answer.error) for answer in answers] == [False, False, True]
