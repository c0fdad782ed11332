"""Every number of carla.WeatherParameters changes the picture in the direction that its name says."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.actors import ACTOR_DTYPE, VehicleLight
from carla_server.render.camera import CameraView
from carla_server.render.lens import DEFAULT_LENS, Lens
from carla_server.render.renderer import Renderer
from carla_server.semantics import SemanticTag
from carla_server.world.weather import WEATHER_FIELDS

CAMERA = CameraView(192, 108, 90.0)
POSE = np.array([0.0, 2.0, 1.6, 0.0, 0.0, 0.0])
HIGH = np.array([10.0, 0.0, 28.0, -60.0, 0.0, 0.0])
BASE = dict(zip(WEATHER_FIELDS, (5, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0), strict=True))
CORE = {
    "clear": {},
    "cloudy": {"cloudiness": 85},
    "rain": {"cloudiness": 95, "precipitation": 85, "precipitation_deposits": 75, "wetness": 100},
    "fog": {"cloudiness": 60, "fog_density": 65, "fog_distance": 3, "fog_falloff": 0.2},
}


def weather(**changed: float) -> tuple[float, ...]:
    return tuple(float(value) for value in (BASE | changed).values())


@pytest.fixture
def look(renderer: Renderer):
    """Pictures, (108, 192, 3) BGR 0..255, of the street under weathers given by what differs from a clear day."""

    def draw(
        *changes: dict[str, float], pose: np.ndarray = POSE, elapsed_s: float = 1.0, lens: Lens = DEFAULT_LENS
    ) -> list[np.ndarray]:
        made = renderer.relight(CAMERA, pose, [weather(**change) for change in changes], elapsed_s, 1, lens)
        return [picture[..., :3].astype(float) for picture in made]

    return draw


@pytest.fixture
def scene(renderer: Renderer) -> tuple[np.ndarray, np.ndarray]:
    """Tags and metres of the street."""
    pictures = renderer.render(CAMERA, POSE, weather(), frozenset({"semantic", "depth"}))
    blue, green, red = (pictures["depth"][..., channel].astype(float) for channel in range(3))
    return pictures["semantic"][..., 2], 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2**24 - 1)


def saturation(pixels: np.ndarray) -> float:
    return float((pixels.max(-1) - pixels.min(-1)).mean())


def warmth(pixels: np.ndarray) -> float:
    return float((pixels[..., 2] - pixels[..., 0]).mean())


def contrast(pixels: np.ndarray) -> float:
    return float(pixels.mean(-1).std())


def upright(picture: np.ndarray) -> float:
    """How much more brightness changes across than along the picture's columns: streaks stand upright."""
    grey = picture.mean(-1)
    return float(np.abs(np.diff(grey, axis=1)).mean() - np.abs(np.diff(grey, axis=0)).mean())


def test_clouds_take_the_blue_from_the_sky_and_the_shadows_from_the_ground(look, scene):
    clear, half, full = look({}, {"cloudiness": 50}, {"cloudiness": 100})
    sky = scene[0] == SemanticTag.SKY
    assert saturation(clear[sky]) > saturation(half[sky]) > saturation(full[sky])
    above = np.array([15.0, 0.0, 25.0, -70.0, 0.0, 0.0])
    clear, full = look({}, {"cloudiness": 100}, pose=above)
    assert contrast(clear) > 1.15 * contrast(full)


def test_precipitation_draws_streaks_that_move_with_time(look):
    drizzle, pour = ({"cloudiness": 90, "precipitation": share} for share in (15, 100))
    (dry,), (light,), (heavy,) = look({"cloudiness": 90}), look(drizzle), look(pour)
    assert upright(heavy) > upright(light) > upright(dry)
    (later,) = look(pour, elapsed_s=1.5)
    assert np.abs(later - heavy).mean() > 2.0 * np.abs(look({"cloudiness": 90}, elapsed_s=1.5)[0] - dry).mean()


def test_deposits_turn_the_road_into_a_mirror(look, scene, renderer):
    van = np.zeros(1, ACTOR_DTYPE)
    van["mesh"] = renderer.mesh_id("vehicle.mercedes.sprinter", (2.96, 0.99, 1.28))
    van["position_m"], van["color"], van["tag"], van["instance"] = (14, 2, 0), (220, 20, 20), 14, 7
    weathers = [{"precipitation_deposits": share, "cloudiness": 100} for share in (0, 50, 100)]
    empty = look(*weathers)
    renderer.set_actors(van)
    below = np.s_[70:84, 86:106]
    shown = [
        np.abs(with_van - without)[below].mean() for with_van, without in zip(look(*weathers), empty, strict=True)
    ]
    assert shown[0] < shown[1] < shown[2]
    assert shown[2] > shown[0] + 8


def test_wetness_darkens_the_road_below_and_makes_it_shine_ahead(look, scene, renderer):
    tags, depth_m = scene
    weathers = [weather(wetness=share, sun_altitude_angle=30) for share in (0, 50, 100)]
    straight_down = (0.0, 2.0, 4.0, -89.0, 0.0, 0.0)
    made = renderer.relight(CameraView(96, 54, 30.0), straight_down, weathers, lens=Lens(metered=False))
    dry, moist, wet = (picture[..., :3].mean() for picture in made)
    assert dry > moist > wet
    ahead = (tags == SemanticTag.ROADS) & (depth_m > 15) & (depth_m < 60)
    dry, wet = look({"cloudiness": 100}, {"wetness": 100, "cloudiness": 100})
    assert wet[ahead].mean() > dry[ahead].mean() + 5


def test_wind_tilts_the_rain_and_drives_the_clouds(look):
    rain = {"cloudiness": 90, "precipitation": 100}
    calm, storm = look(rain | {"wind_intensity": 0}, rain | {"wind_intensity": 100})
    assert upright(calm) > upright(storm)
    clouds = [{"cloudiness": 50, "wind_intensity": share} for share in (0, 100)]
    moved = [np.abs(look(wind, elapsed_s=20.0)[0] - look(wind, elapsed_s=0.0)[0])[:40].mean() for wind in clouds]
    assert moved[1] > moved[0]


def test_the_azimuth_turns_the_shadows(look):
    east, west = look(*({"sun_altitude_angle": 30, "sun_azimuth_angle": angle} for angle in (90, -90)), pose=HIGH)
    assert np.abs(east - west).mean() > 6


def test_a_low_sun_is_warm_throws_long_shadows_and_goes_down(look, scene):
    high, low, gone, night = look(*({"sun_altitude_angle": angle} for angle in (60, 12, -4, -40)))
    assert high.mean() > low.mean() > gone.mean() > night.mean()
    toward = np.array([0.0, 2.0, 1.6, 0.0, -60.0, 0.0])
    away = toward + np.array([0, 0, 0, 0, 180, 0])
    dusk = {"sun_altitude_angle": 3}
    (sunny,), (shady,) = look(dusk, pose=toward), look(dusk, pose=away)
    assert warmth(sunny[:40]) > warmth(shady[:40]) + 15  # the glow is on the side of the sun


def test_fog_density_takes_contrast_the_more_the_farther(look, scene):
    _, depth_m = scene
    near = depth_m < 6
    far = (depth_m > 30) & (depth_m < 999)
    none, some, dense = look(*({"fog_density": share, "fog_distance": 0} for share in (0, 40, 100)))
    assert contrast(none[far]) > contrast(some[far]) > contrast(dense[far])
    assert np.abs(some[near] - none[near]).mean() < 0.5 * np.abs(some[far] - none[far]).mean()


def test_fog_distance_moves_the_fog_away(look, scene):
    middle = (scene[1] > 15) & (scene[1] < 45)
    close, later = look(*({"fog_density": 70, "fog_distance": metres} for metres in (0, 60)))
    assert contrast(later[middle]) > contrast(close[middle])


def test_fog_falloff_keeps_the_fog_on_the_ground(look, scene):
    sky = scene[0] == SemanticTag.SKY
    light, heavy = look(*({"fog_density": 60, "fog_distance": 0, "fog_falloff": fall} for fall in (0.05, 5)))
    assert saturation(heavy[sky]) > saturation(light[sky]) + 5
    above = np.array([0.0, 2.0, 40.0, -50.0, 0.0, 0.0])
    light, heavy = look(*({"fog_density": 60, "fog_falloff": fall} for fall in (0.05, 5)), pose=above)
    assert contrast(heavy) > contrast(light)


def test_dust_colours_the_air_brown(look, scene):
    far = (scene[1] > 30) & (scene[1] < 999)
    none, some, storm = look(*({"dust_storm": share} for share in (0, 40, 100)))
    assert warmth(none) < warmth(some) < warmth(storm)
    assert contrast(storm[far]) < 0.6 * contrast(none[far])


def test_scattering_intensity_lights_up_the_fog(look, scene):
    far = (scene[1] > 40) & (scene[1] < 999)
    dark, usual, bright = look(*({"fog_density": 50, "scattering_intensity": share} for share in (0, 1, 5)))
    assert dark[far].mean() < usual[far].mean() < bright[far].mean()


def test_mie_scattering_is_haze(look, scene):
    far = (scene[1] > 30) & (scene[1] < 999)
    none, usual, thick = look(*({"mie_scattering_scale": scale} for scale in (0, 0.03, 1.0)))
    assert contrast(none[far]) > contrast(usual[far]) > contrast(thick[far])


def test_rayleigh_scattering_makes_the_sky_blue(look, scene):
    sky = scene[0] == SemanticTag.SKY
    none, usual, much = look(*({"rayleigh_scattering_scale": scale} for scale in (0, 0.0331, 0.3)))
    assert -warmth(none[sky]) < -warmth(usual[sky]) < -warmth(much[sky])


def test_stars_stand_in_a_clear_night_and_clouds_hide_them(look):
    up = np.array([0.0, 2.0, 1.6, 50.0, 120.0, 0.0])
    clear, cloudy = look(*({"sun_altitude_angle": -60, "cloudiness": share} for share in (0, 100)), pose=up)
    sharp = [np.abs(np.diff(picture.mean(-1), axis=1)).max() for picture in (clear, cloudy)]
    assert sharp[0] > sharp[1] + 20


def test_street_lamps_make_pools_of_light_with_dark_between_them(look):
    above = np.array([12.0, 0.0, 30.0, -89.0, 0.0, 0.0])
    (night,) = look({"sun_altitude_angle": -60, "cloudiness": 100}, pose=above)
    assert np.quantile(night.mean(-1), 0.99) > 2.5 * np.quantile(night.mean(-1), 0.2)


def test_the_air_around_lamps_glows_in_fog(look, scene):
    sky = (scene[0] == SemanticTag.SKY) | (scene[1] > 60)
    lit = {"sun_altitude_angle": -60, "fog_density": 65, "fog_falloff": 0.2}
    glowing, dark = look(lit, lit | {"scattering_intensity": 0})
    assert glowing[sky].mean() > dark[sky].mean() + 3


def test_headlamps_light_the_road_and_end_below_the_horizon(renderer, look):
    car = np.zeros(1, ACTOR_DTYPE)
    car["mesh"] = renderer.mesh_id("vehicle.tesla.model3", (2.4, 0.93, 0.74))
    car["position_m"], car["tag"], car["instance"] = (-3, 2, 0), 14, 7
    night = {"sun_altitude_angle": -60, "cloudiness": 100}
    pictures = {}
    for name, bits in (("off", 0), ("dipped", VehicleLight.LOW_BEAM), ("full", VehicleLight.HIGH_BEAM)):
        car["lights"] = int(bits)
        renderer.set_actors(car)
        pictures[name] = look(night)[0]
    road, above = np.s_[70:100, 70:120], np.s_[:50]
    assert pictures["dipped"][road].mean() > pictures["off"][road].mean() + 8
    gained = {name: (pictures[name] - pictures["off"])[above].mean() for name in ("dipped", "full")}
    assert gained["full"] > gained["dipped"]


def test_the_twelve_conditions_differ_even_without_their_mean_and_variance(look):
    lights = {"day": 55, "dusk": 4, "night": -60}
    pictures = look(
        *(change | {"sun_altitude_angle": angle} for change in CORE.values() for angle in lights.values())
    )
    plain = [(picture - picture.mean()) / picture.std() for picture in pictures]
    away = [np.abs(a - b).mean() for index, a in enumerate(plain) for b in plain[index + 1 :]]
    assert min(away) > 0.1


def test_a_dark_scene_is_exposed_longer_than_a_bright_one_without_any_memory(renderer):
    ground, sky = np.array([0.0, 0.0, 2.0, -80.0, 0.0, 0.0]), np.array([0.0, 2.0, 1.6, 60.0, 90.0, 0.0])

    def gain(pose: np.ndarray) -> float:
        means = [
            renderer.render(CAMERA, pose, weather(), frozenset({"rgb"}), lens=Lens(metered=metered))["rgb"].mean()
            for metered in (True, False)
        ]
        return means[0] / means[1]

    before = gain(ground)
    assert gain(sky) < before
    assert gain(ground) == before


def test_the_painted_style_is_another_look_with_the_same_labels():
    from tests.carla_server.render.conftest import street_town

    labels = frozenset({"rgb", "semantic", "instance", "depth"})
    pictures = {}
    for style in ("default", "painted"):
        renderer = Renderer(street_town(), style=style)
        pictures[style] = [renderer.render(CAMERA, POSE, weather(**change), labels) for change in CORE.values()]
        renderer.close()
    for plain, painted in zip(*pictures.values(), strict=True):
        assert np.abs(plain["rgb"].astype(float) - painted["rgb"]).mean() > 8
        for name in labels - {"rgb"}:
            assert (plain[name] == painted[name]).all()
    painted = [picture["rgb"][..., :3].astype(float) for picture in pictures["painted"]]
    assert min(np.abs(a - b).mean() for i, a in enumerate(painted) for b in painted[i + 1 :]) > 6


def test_an_unknown_style_is_refused_with_the_known_ones():
    from tests.carla_server.render.conftest import street_town

    with pytest.raises(ValueError, match="unknown style 'cubist': choose from default, painted"):
        Renderer(street_town(), style="cubist")
