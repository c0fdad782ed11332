"""An ordinary CARLA script, with nothing of ours in it: ten Traffic Manager cars and one camera that saves pictures.

syndiff serve --port 2000 &
python examples/plain_carla_client.py --port 2000 --out pictures
"""

from __future__ import annotations

import argparse
import queue

import carla


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2000)
    parser.add_argument("--tm-port", type=int, default=8000)
    parser.add_argument("--out", default="pictures")
    parser.add_argument("--ticks", type=int, default=100)
    options = parser.parse_args()

    client = carla.Client(options.host, options.port)
    client.set_timeout(30.0)
    world = client.get_world()
    settings = world.get_settings()
    original = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)
    manager = client.get_trafficmanager(options.tm_port)
    manager.set_synchronous_mode(True)
    manager.set_random_device_seed(0)

    library = world.get_blueprint_library()
    spawned = []
    try:
        for point in world.get_map().get_spawn_points()[:10]:
            car = world.spawn_actor(library.find("vehicle.tesla.model3"), point)
            car.set_autopilot(True, options.tm_port)
            spawned.append(car)
        blueprint = library.find("sensor.camera.semantic_segmentation")
        blueprint.set_attribute("image_size_x", "320")
        blueprint.set_attribute("image_size_y", "180")
        mount = carla.Transform(carla.Location(x=1.3, z=1.7))
        camera = world.spawn_actor(blueprint, mount, attach_to=spawned[0])
        spawned.append(camera)
        images: queue.Queue[carla.Image] = queue.Queue()
        camera.listen(images.put)
        for _ in range(options.ticks):
            frame = world.tick()
            image = images.get(timeout=30.0)
            if image.frame != frame:
                raise RuntimeError(f"synchronous mode promises the picture of tick {frame}, got {image.frame}")
            if frame % 20 == 0:
                image.save_to_disk(f"{options.out}/{frame:06d}.png", carla.ColorConverter.CityScapesPalette)
        speeds = [car.get_velocity().length() for car in spawned if car is not camera]
        print(f"{options.ticks} ticks; mean speed of {len(speeds)} cars {sum(speeds) / len(speeds):.1f} m/s")
    finally:
        # The Traffic Manager ends first: one that still drives cars that are gone ends the process.
        manager.shut_down()
        for actor in reversed(spawned):
            if actor.type_id.startswith("sensor."):
                actor.stop()
            actor.destroy()
        world.apply_settings(original)


if __name__ == "__main__":
    main()
