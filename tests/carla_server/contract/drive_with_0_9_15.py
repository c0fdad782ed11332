"""What a CARLA 0.9.15 client does first and most, in an interpreter of its own: `python drive_with_0_9_15.py PORT`.

Prints one JSON line of what it saw.
"""

import json
import queue
import sys

import carla


def main():
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(60.0)
    seen = {"client": client.get_client_version(), "server": client.get_server_version()}
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = True
    settings.fixed_delta_seconds = 0.05
    world.apply_settings(settings)
    library = world.get_blueprint_library()
    seen["blueprints"] = len(library)
    seen["attribute_types"] = sorted({str(attribute.type) for blueprint in library for attribute in blueprint})
    points = world.get_map().get_spawn_points()
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), points[0])
    target = points[0]
    target.location += points[0].get_forward_vector() * 20.0
    commands = [carla.command.SpawnActor(library.find("vehicle.audi.tt"), target)]
    (answer,) = client.apply_batch_sync(commands, False)
    seen["batch_error"] = answer.error
    world.tick()
    seen["extent_x"] = car.bounding_box.extent.x
    queues = {}
    for name in (
        "camera.rgb",
        "camera.semantic_segmentation",
        "lidar.ray_cast",
        "other.imu",
        "other.gnss",
        "other.radar",
    ):
        blueprint = library.find(f"sensor.{name}")
        if name.startswith("camera"):
            blueprint.set_attribute("image_size_x", "64")
            blueprint.set_attribute("image_size_y", "48")
        sensor = world.spawn_actor(blueprint, carla.Transform(carla.Location(z=3.0)), attach_to=car)
        queues[name] = (sensor, queue.Queue())
        sensor.listen(queues[name][1].put)
    crash = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=car)
    crashes = queue.Queue()
    crash.listen(crashes.put)
    for _ in range(100):
        car.apply_control(carla.VehicleControl(throttle=1.0))
        frame = world.tick()
        frames = {name: measured.get(timeout=30.0).frame for name, (_, measured) in queues.items()}
        assert set(frames.values()) == {frame}, frames
    seen["speed_mps"] = car.get_velocity().length()
    seen["crashed_into"] = crashes.get(timeout=10.0).other_actor.type_id
    light = world.get_actors().filter("traffic.traffic_light*")[0]
    seen["light"] = str(light.get_state())
    seen["weather"] = world.get_weather().sun_altitude_angle
    seen["objects"] = len(world.get_environment_objects(carla.CityObjectLabel.Buildings))
    client.start_recorder("old.log")
    world.tick()
    client.stop_recorder()
    seen["recorded"] = "Frames: 1" in client.show_recorder_file_info("old.log", False)
    seen["replayed"] = client.replay_file("old.log", 0.0, 0.0, 0, False).startswith("Replaying File")
    for sensor, _ in queues.values():
        sensor.stop()
    world = client.reload_world()
    seen["vehicles_after_reload"] = len(world.get_actors().filter("vehicle.*"))
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
