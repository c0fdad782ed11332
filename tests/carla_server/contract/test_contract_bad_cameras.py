"""Cameras that cannot be, through the real client: an error that names the fix, and a server that goes on."""

import carla
import numpy as np
import pytest

from tests.conftest import start_server

HERE = carla.Transform(carla.Location(z=2.0))


def camera(world, **attributes):
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    for name, value in attributes.items():
        blueprint.set_attribute(name, str(value))
    return world.spawn_actor(blueprint, HERE)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"image_size_x": 0}, r"attribute image_size_x of sensor\.camera\.rgb is 0, it must lie in \[1, 8192\]"),
        ({"image_size_y": 0}, r"image_size_y of .* is 0, it must lie in \[1, 8192\]"),
        ({"image_size_x": 20000}, r"image_size_x of .* is 20000, it must lie in \[1, 8192\]"),
        ({"image_size_x": -5}, "image_size_x"),
        ({"fov": 180}, r"attribute fov of .* is 180, it must lie in \[1, 170\]"),
        ({"lens_x_size": 2}, r"attribute lens_x_size of sensor\.camera\.rgb is 2, it must lie in \[0, 1\]"),
        ({"bloom_intensity": -1}, "attribute bloom_intensity"),
    ],
)
def test_an_absurd_camera_is_refused_and_the_next_one_works(world, listen, attributes, fault):
    with pytest.raises(RuntimeError, match=fault):
        camera(world, **attributes)
    seen = listen("sensor.camera.rgb", HERE, image_size_x=64, image_size_y=36)
    frame = world.tick()
    assert seen.get(timeout=30).frame == frame


def test_a_camera_is_not_placed_at_what_is_not_a_number(world, listen):
    nowhere = carla.Transform(carla.Location(x=float("nan")))
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    with pytest.raises(RuntimeError, match="nan"):
        world.spawn_actor(blueprint, nowhere)
    seen = listen("sensor.camera.rgb", HERE, image_size_x=64, image_size_y=36)
    frame = world.tick()
    assert seen.get(timeout=30).frame == frame


def test_without_rendering_a_camera_is_refused_with_the_option():
    server = start_server("--no-rendering")
    try:
        world = server.client().get_world()
        with pytest.raises(RuntimeError, match="--no-rendering"):
            camera(world)
        assert world.get_snapshot().frame >= 0
    finally:
        assert server.stop() == 0


def test_the_weather_of_a_client_reaches_its_camera(world, listen):
    seen = listen("sensor.camera.rgb", HERE, image_size_x=96, image_size_y=54)

    def brightness(weather):
        world.set_weather(weather)
        frame = world.tick()
        image = seen.get(timeout=30)
        assert image.frame == frame
        return np.frombuffer(image.raw_data, np.uint8).reshape(54, 96, 4)[..., :3].mean()

    before = world.get_weather()
    noon, dark, fog = (
        brightness(weather)
        for weather in (
            carla.WeatherParameters.ClearNoon,
            carla.WeatherParameters(sun_altitude_angle=-90.0),
            carla.WeatherParameters(sun_altitude_angle=-90.0, fog_density=90.0),
        )
    )
    world.set_weather(before)
    assert noon > fog > dark
