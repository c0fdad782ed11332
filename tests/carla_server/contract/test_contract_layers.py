"""Map layers and environment objects are taken away from rays, pictures and collisions, and come back."""

import carla
import numpy as np
import pytest

BUILDINGS = carla.MapLayer.Buildings


def label_above(world, thing):
    """What a ray from high above meets where a thing stands."""
    top = thing.transform.location + carla.Location(z=60.0)
    return world.ground_projection(top, 200.0).label


def biggest(world):
    return max(world.get_environment_objects(carla.CityObjectLabel.Buildings), key=lambda o: o.bounding_box.extent.x)


def test_an_unloaded_layer_is_gone_for_rays_and_collisions_and_comes_back(world):
    house = biggest(world)
    assert label_above(world, house) == carla.CityObjectLabel.Buildings
    library = world.get_blueprint_library()
    inside = carla.Transform(house.transform.location + carla.Location(z=0.5), house.transform.rotation)
    with pytest.raises(RuntimeError, match="collision"):
        world.spawn_actor(library.find("vehicle.audi.tt"), inside)
    cone = world.spawn_actor(
        library.find("static.prop.constructioncone"), carla.Transform(carla.Location(*on_road(world)))
    )
    world.unload_map_layer(BUILDINGS)
    frame = world.tick()
    assert label_above(world, house) != carla.CityObjectLabel.Buildings
    car = world.spawn_actor(library.find("vehicle.audi.tt"), inside)
    world.tick()
    assert world.get_actor(cone.id).is_alive
    assert house.id in {thing.id for thing in world.get_environment_objects(carla.CityObjectLabel.Any)}
    car.destroy()
    world.load_map_layer(BUILDINGS)
    assert world.tick() > frame
    assert label_above(world, house) == carla.CityObjectLabel.Buildings
    with pytest.raises(RuntimeError, match="collision"):
        world.spawn_actor(library.find("vehicle.audi.tt"), inside)


def test_boxes_of_the_level_are_those_of_what_is_there_actors_included(world):
    library, label = world.get_blueprint_library(), carla.CityObjectLabel
    parked, houses = len(world.get_level_bbs(label.Car)), len(world.get_level_bbs(label.Buildings))
    place = world.get_map().get_spawn_points()[5]
    car = world.spawn_actor(library.find("vehicle.audi.tt"), place)
    where = carla.Transform(world.get_random_location_from_navigation() + carla.Location(z=1.0))
    walker = world.spawn_actor(library.find("walker.pedestrian.0001"), where)
    world.tick()
    assert len(world.get_level_bbs(label.Car)) == parked + 1
    own = min(world.get_level_bbs(label.Car), key=lambda box: box.location.distance(car.get_location()))
    true = car.bounding_box
    assert own.extent.distance(true.extent) < 1e-4
    assert own.location.distance(car.get_transform().transform(true.location)) < 1e-2
    assert abs((own.rotation.yaw - car.get_transform().rotation.yaw + 180.0) % 360.0 - 180.0) < 1e-2
    assert own.actor_id == car.id
    (person,) = world.get_level_bbs(label.Pedestrians)
    assert person.location.distance(walker.get_location()) < 1e-2
    every = len(world.get_level_bbs(label.Any))
    world.enable_environment_objects({biggest(world).id}, False)
    world.tick()
    assert len(world.get_level_bbs(label.Buildings)) == houses - 1
    assert len(world.get_level_bbs(label.Any)) == every - 1
    world.unload_map_layer(BUILDINGS)
    world.tick()
    assert not world.get_level_bbs(label.Buildings)
    assert len(world.get_environment_objects(label.Buildings)) == houses, "so that they can be switched on again"
    world.load_map_layer(BUILDINGS)
    world.tick()
    assert len(world.get_level_bbs(label.Buildings)) == houses


def on_road(world):
    place = world.get_map().get_spawn_points()[5].location
    return place.x, place.y, place.z


def test_single_objects_can_be_switched_off_and_a_reload_brings_everything_back(client, world):
    house = biggest(world)
    world.enable_environment_objects({house.id}, False)
    world.tick()
    assert label_above(world, house) != carla.CityObjectLabel.Buildings
    world = client.reload_world(False)
    world.tick()
    assert label_above(world, house) == carla.CityObjectLabel.Buildings
    with pytest.raises(RuntimeError, match="Ground"):
        world.unload_map_layer(carla.MapLayer.Ground)


def test_a_world_can_be_loaded_without_its_layers(client, world):
    house = biggest(world)
    bare = client.load_world("TownGrid", False, carla.MapLayer.NONE)
    bare.tick()
    assert label_above(bare, house) != carla.CityObjectLabel.Buildings


@pytest.mark.slow
def test_cameras_see_that_a_layer_is_gone(server, world, wire, subscribe):
    client = wire(server)
    house = biggest(world)
    x, y, z = house.transform.location.x, house.transform.location.y, house.transform.location.z
    size = [["image_size_x", 2, "64"], ["image_size_y", 2, "48"]]
    camera = client.value(
        "spawn_actor", [0, "sensor.camera.semantic_segmentation", size], [[x, y, z + 80.0], [-90.0, 0.0, 0.0]]
    )
    reader = subscribe(client, int.from_bytes(camera[5][:4], "little"))

    def tags():
        client.value("tick_cue")
        return set(np.frombuffer(reader.frame(), np.uint8, offset=60).reshape(-1, 4)[:, 2].tolist())

    buildings = int(carla.CityObjectLabel.Buildings)
    assert buildings in tags()
    client.call("unload_map_layer", int(BUILDINGS))
    assert buildings not in tags()
    client.call("load_map_layer", int(BUILDINGS))
    assert buildings in tags()
