"""`syndiff.relight`: the instant a camera has sent, under other weathers, bit by bit as if it had been so."""

from __future__ import annotations

import queue

import carla
import numpy as np
import pytest

SIZE = {"image_size_x": "96", "image_size_y": "54"}
FIELDS = (
    *("cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "sun_azimuth_angle"),
    *("sun_altitude_angle", "fog_density", "fog_distance", "fog_falloff", "wetness", "scattering_intensity"),
    *("mie_scattering_scale", "rayleigh_scattering_scale", "dust_storm"),
)
LAMPS = int(carla.VehicleLightState.Position) | int(carla.VehicleLightState.LowBeam)
BLINKING = LAMPS | int(carla.VehicleLightState.LeftBlinker)
NOON = carla.WeatherParameters.ClearNoon
RAINY_NIGHT = carla.WeatherParameters.HardRainNight
FOG = carla.WeatherParameters(cloudiness=60, fog_density=65, fog_distance=3, sun_altitude_angle=50)


def numbers(weather):
    return [float(getattr(weather, name)) for name in FIELDS]


class Scene:
    """Two cars ahead of a camera, one of which brakes; the same after every reload."""

    def __init__(self, client, weather, lamps=None, camera=None):
        client.reload_world(False)
        self.world = world = client.get_world()
        world.set_weather(weather)
        road = world.get_map().get_spawn_points()[0]
        library = world.get_blueprint_library()
        self.cars = []
        for ahead_m, name in ((9.0, "vehicle.tesla.model3"), (18.0, "vehicle.audi.tt")):
            place = carla.Transform(road.transform(carla.Location(x=ahead_m, z=0.3)), road.rotation)
            self.cars.append(world.spawn_actor(library.find(name), place))
        blueprint = library.find("sensor.camera.rgb")
        for name, value in {**SIZE, **(camera or {})}.items():
            blueprint.set_attribute(name, value)
        eye = carla.Transform(road.transform(carla.Location(z=1.6)), road.rotation)
        self.camera = world.spawn_actor(blueprint, eye)
        self.images = queue.Queue()
        self.camera.listen(self.images.put)
        for car, bits in zip(self.cars, lamps or ()):
            car.set_light_state(carla.VehicleLightState(bits))
        self.cars[0].apply_control(carla.VehicleControl(throttle=0.6))
        self.cars[1].apply_control(carla.VehicleControl(brake=1.0))
        aside = carla.Transform(eye.location, carla.Rotation(eye.rotation.pitch, eye.rotation.yaw - 3.0, 0.0))
        for place in (eye, eye, eye, aside, eye):  # it turns, so that a camera that blurs has something to blur
            self.camera.set_transform(place)
            self.frame = world.tick()
            self.image = self.images.get(timeout=30)

    def picture(self):
        return bytes(self.image.raw_data)

    def leave(self):
        self.camera.stop()
        self.camera.destroy()


@pytest.fixture
def scene(client, world):
    """Makes the scene; the last one is left with the test."""
    made = []

    def make(*arguments, **options):
        if made:
            made.pop().leave()
        made.append(Scene(client, *arguments, **options))
        return made[-1]

    yield make
    made.pop().leave()
    client.get_world().set_weather(NOON)


BLUR = {"motion_blur_intensity": "0.5", "motion_blur_max_distortion": "10"}


@pytest.mark.parametrize(
    "camera", [{}, {"exposure_compensation": "-1.0", "gamma": "2.6"}, BLUR], ids=["plain", "exposed", "blurred"]
)
def test_a_relit_picture_is_bit_by_bit_what_the_camera_sends_in_that_weather_with_those_lamps(
    scene, server, wire, camera
):
    day = scene(NOON, camera=camera)
    first, second = (car.id for car in day.cars)
    conditions = [
        [numbers(RAINY_NIGHT), [[first, LAMPS], [second, BLINKING]]],
        [numbers(NOON), []],
        [numbers(FOG), []],
    ]
    width, height, relit = wire(server).value("syndiff.relight", day.camera.id, day.frame, conditions)
    assert (width, height) == (96, 54)
    assert relit[1] == day.picture()
    pixels = [np.frombuffer(picture, np.uint8).reshape(height, width, 4) for picture in relit]
    assert pixels[0][..., :3].mean() < 0.85 * pixels[1][..., :3].mean()
    assert relit[0] == scene(RAINY_NIGHT, (LAMPS, BLINKING), camera).picture()
    assert relit[2] == scene(FOG, camera=camera).picture()


def test_relighting_leaves_no_trace_in_later_pictures(scene, server, wire):
    day = scene(NOON)
    plain = [day.picture()]
    for _ in range(2):
        day.world.tick()
        plain.append(bytes(day.images.get(timeout=30).raw_data))
    again, caller = scene(NOON), wire(server)
    seen = [again.picture()]
    for _ in range(2):
        lamps = [[again.cars[0].id, LAMPS]]
        caller.value("syndiff.relight", again.camera.id, again.frame, [[numbers(RAINY_NIGHT), lamps]])
        again.frame = again.world.tick()
        seen.append(bytes(again.images.get(timeout=30).raw_data))
    assert seen == plain


def test_what_clients_do_after_the_tick_does_not_move_a_relit_picture(scene, server, wire):
    day = scene(NOON)
    day.cars[0].set_transform(carla.Transform(carla.Location(z=50.0), carla.Rotation()))
    day.cars[1].set_light_state(carla.VehicleLightState(LAMPS))
    day.world.set_weather(RAINY_NIGHT)
    day.camera.set_transform(carla.Transform(carla.Location(z=90.0), carla.Rotation()))
    relit = wire(server).value("syndiff.relight", day.camera.id, day.frame, [[numbers(NOON), []]])[2]
    assert relit == [day.picture()]


def test_wrong_questions_are_answered_with_the_value_that_is_wrong(scene, server, wire):
    day, caller = scene(NOON), wire(server)
    noon = [numbers(NOON), []]

    def refusal(*arguments):
        ok, text = caller.call("syndiff.relight", *arguments)[0]
        assert ok == 0
        return text[0]

    assert "no picture of frame 1 " in refusal(day.camera.id, 1, [noon])
    assert "vehicle.tesla.model3; only sensor.camera.rgb" in refusal(day.cars[0].id, day.frame, [noon])
    assert "no actor with id 4000000" in refusal(4_000_000, day.frame, [noon])
    assert "0 conditions, it makes 1 .. 64" in refusal(day.camera.id, day.frame, [])
    assert "65 conditions" in refusal(day.camera.id, day.frame, [noon] * 65)
    assert "weather has 3 values" in refusal(day.camera.id, day.frame, [[[1.0, 2.0, 3.0], []]])
    assert "weather cloudiness is nan" in refusal(day.camera.id, day.frame, [[[float("nan")] * 14, []]])
    lamps_of_a_camera = [numbers(NOON), [[day.camera.id, LAMPS]]]
    assert "was no vehicle of frame" in refusal(day.camera.id, day.frame, [lamps_of_a_camera])
    assert caller.value("syndiff.relight", day.camera.id, day.frame, [noon])[2] == [day.picture()]


def test_more_bytes_than_one_answer_holds_are_refused(scene, server, wire):
    day = scene(NOON, camera={"image_size_x": "800", "image_size_y": "600"})
    result = wire(server).call("syndiff.relight", day.camera.id, day.frame, [[numbers(NOON), []]] * 20)
    assert result[0][0] == 0
    assert "20 pictures of 800x600 are 38400000 bytes" in result[0][1][0]


def test_a_server_without_extensions_knows_only_carlas_procedures(fresh_server, wire):
    plain = wire(fresh_server("--no-rendering", "--no-extensions"))
    for call in (("syndiff.capabilities",), ("syndiff.relight", 1, 1, [])):
        with pytest.raises(LookupError, match=f"could not find function '{call[0]}'"):
            plain.call(*call)
    assert plain.value("version") == "0.9.16"
