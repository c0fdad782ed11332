"""What the cameras see, through the public interface."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.actors import ACTOR_DTYPE, VehicleLight, lights_at
from carla_server.render.camera import CameraView, Viewpoint, rotation_matrix
from carla_server.render.renderer import Renderer
from carla_server.semantics import SemanticTag

from .conftest import street_town

CAMERA = CameraView(128, 72, 90.0)
POSE = np.array([0.0, 2.0, 1.6, 0.0, 0.0, 0.0])
CLEAR_DAY = (5, 0, 0, 10, -60, 55, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
CLOUDY_DAY = (85, 0, 0, 10, -60, 55, 3, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
FOG_DAY = (60, 0, 0, 10, -60, 55, 65, 3, 0.2, 0, 1, 0.03, 0.0331, 0)
RAIN_DAY = (95, 85, 75, 60, -60, 55, 9, 8, 0.2, 100, 1, 0.03, 0.0331, 0)
CLEAR_DUSK = (5, 0, 0, 10, 20, 4, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
CLEAR_NIGHT = (5, 0, 0, 10, -60, -60, 2, 0.75, 0.1, 0, 1, 0.03, 0.0331, 0)
RAIN_NIGHT = (95, 85, 75, 60, -60, -60, 9, 8, 0.2, 100, 1, 0.03, 0.0331, 0)
WEATHERS = (CLEAR_DAY, CLOUDY_DAY, FOG_DAY, RAIN_DAY, CLEAR_DUSK, CLEAR_NIGHT, RAIN_NIGHT)
MODEL3_EXTENT_M = (2.4, 0.93, 0.74)


def actor(renderer: Renderer, blueprint: str, extent_m, x: float, y: float, *, yaw=0.0, z=0.0, tag=14, **fields):
    row = np.zeros(1, ACTOR_DTYPE)
    row["mesh"] = renderer.mesh_id(blueprint, extent_m)
    row["position_m"] = (x, y, z)
    row["rotation_deg"] = (0, yaw, 0)
    row["color"] = (200, 30, 30)
    row["tag"] = tag
    for name, value in fields.items():
        row[name] = value
    return row


def tags_of(pictures) -> np.ndarray:
    return pictures["semantic"][..., 2]


def depth_m_of(pictures) -> np.ndarray:
    b, g, r = (pictures["depth"][..., channel].astype(np.float64) for channel in range(3))
    return 1000.0 * (r + 256.0 * g + 65536.0 * b) / (2**24 - 1)


def ids_of(pictures) -> np.ndarray:
    return pictures["instance"][..., 1].astype(int) + 256 * pictures["instance"][..., 0].astype(int)


def test_every_output_has_carla_shape_and_the_sky_has_its_tag_and_a_kilometre(renderer):
    pictures = renderer.render(CAMERA, POSE, CLEAR_DAY)
    assert set(pictures) == {"rgb", "semantic", "instance", "depth"}
    for picture in pictures.values():
        assert picture.shape == (72, 128, 4)
        assert picture.dtype == np.uint8
        assert (picture[..., 3] == 255).all()
    assert (tags_of(pictures)[0] == SemanticTag.SKY).any()
    sky = tags_of(pictures) == SemanticTag.SKY
    assert (depth_m_of(pictures)[sky] == 1000.0).all()
    assert (pictures["instance"][..., 2] == tags_of(pictures)).all()


def test_only_the_wanted_outputs_are_made(renderer):
    assert set(renderer.render(CAMERA, POSE, CLEAR_DAY, frozenset({"semantic"}))) == {"semantic"}
    with pytest.raises(ValueError, match="unknown outputs"):
        renderer.render(CAMERA, POSE, CLEAR_DAY, frozenset({"lidar"}))


def test_normals_point_up_on_the_road_and_out_of_the_houses_and_the_sky_is_black(renderer):
    pictures = renderer.render(CAMERA, POSE, CLEAR_DAY, frozenset({"normals", "semantic"}))
    tags, normals = tags_of(pictures), pictures["normals"]
    assert normals.shape == (72, 128, 4)
    assert (normals[..., 3] == 255).all()
    assert (normals[tags == SemanticTag.SKY][:, :3] == 0).all()
    blue, green, red = normals[tags == SemanticTag.ROADS][:, :3].T.astype(int)
    assert blue.min() >= 250
    assert np.abs(np.stack((green, red)) - 127.5).max() < 4
    units = normals[tags == SemanticTag.BUILDINGS][:, 2::-1] / 127.5 - 1.0
    assert np.linalg.norm(units, axis=1) == pytest.approx(1.0, abs=0.03)
    assert (units[:, 1] < -0.9).any()  # the street side of the house on the right


def test_the_top_row_is_sky_and_the_bottom_row_is_road(renderer):
    tags = tags_of(renderer.render(CAMERA, POSE, CLEAR_DAY))
    assert tags[0, 20] == SemanticTag.SKY
    assert tags[-1, 64] == SemanticTag.ROADS


def test_y_points_to_the_right_of_the_picture(renderer):
    tags = tags_of(renderer.render(CAMERA, POSE, CLEAR_DAY))
    columns = np.flatnonzero((tags == SemanticTag.BUILDINGS).any(0))
    assert columns.min() > 64
    renderer.set_actors(actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, 12, 6, instance=7))
    columns = np.flatnonzero((ids_of(renderer.render(CAMERA, POSE, CLEAR_DAY)) == 7).any(0))
    assert columns.min() > 64


def test_depth_of_the_road_agrees_with_the_camera_model(renderer):
    pictures = renderer.render(CAMERA, POSE, CLEAR_DAY)
    focal_px = 64.0
    for row in (50, 60, 71):
        expected_m = 1.6 * focal_px / (row + 0.5 - 36.0)
        assert depth_m_of(pictures)[row, 64] == pytest.approx(expected_m, rel=2e-3)


def test_ground_far_away_has_the_depth_and_tags_of_the_full_mesh(renderer):
    pose = np.array([-60.0, 1.0, 25.0, -12.0, 8.0, 0.0])
    pictures = renderer.render(CAMERA, pose, CLEAR_DAY)
    rows, columns = np.mgrid[0:72, 0:128]
    ray = np.stack([np.ones((72, 128)), (columns - 63.5) / 64.0, (35.5 - rows) / 64.0], -1)
    ray = ray @ rotation_matrix(pose[3:]).T
    depth = np.where(ray[..., 2] < 0, -pose[2] / np.minimum(ray[..., 2], -1e-6), np.inf)
    ground = pose[:3] + ray * np.where(np.isfinite(depth), depth, 0.0)[..., None]
    inside = (np.abs(ground[..., 1]) < 80) & (ground[..., 0] < 150)
    seen = np.isin(tags_of(pictures), [SemanticTag.ROADS, SemanticTag.TERRAIN])
    far = np.isfinite(depth) & (depth > 60) & inside & seen
    assert far.sum() > 1000
    assert np.abs(depth_m_of(pictures)[far] / depth[far] - 1).max() < 0.01
    clear = far & (np.abs(np.abs(ground[..., 1]) - 5) > 1) & (np.abs(ground[..., 1]) > 1)
    expected = np.where(np.abs(ground[..., 1]) < 5, SemanticTag.ROADS, SemanticTag.TERRAIN)
    assert (tags_of(pictures)[clear] == expected[clear]).all()


def test_an_actor_covers_its_projected_box_with_its_tag_and_id(renderer):
    renderer.set_actors(actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, 12, 2, instance=0x1234))
    pictures = renderer.render(CAMERA, POSE, CLEAR_DAY)
    mask = ids_of(pictures) == 0x1234
    assert (tags_of(pictures)[mask] == SemanticTag.CAR).all()
    rows, columns = np.nonzero(mask)
    rear_m = 12 - 2.4
    assert columns.max() - columns.min() + 1 == pytest.approx(2 * 0.93 * 64 / rear_m, abs=2.5)
    assert rows.max() == pytest.approx(36 + 1.45 * 64 / rear_m, abs=1.5)
    assert depth_m_of(pictures)[mask].min() == pytest.approx(rear_m, abs=0.15)


@pytest.mark.parametrize(
    ("blueprint", "extent_m"),
    [
        ("vehicle.tesla.model3", MODEL3_EXTENT_M),
        ("vehicle.carlamotors.carlacola", (2.6, 1.31, 1.24)),
        ("vehicle.mitsubishi.fusorosa", (5.1, 1.97, 2.1)),
        ("vehicle.gazelle.omafiets", (0.92, 0.25, 0.85)),
        ("vehicle.harley-davidson.low_rider", (1.18, 0.38, 0.8)),
        ("vehicle.some.future_car", (2.0, 0.9, 0.8)),
        ("walker.pedestrian.0007", (0.19, 0.19, 0.93)),
        ("static.prop.trafficcone01", (0.2, 0.2, 0.35)),
        ("static.prop.mystery", (0.5, 0.4, 0.3)),
    ],
)
def test_every_family_fills_its_bounding_box(renderer, blueprint, extent_m):
    walker = blueprint.startswith("walker")
    height = extent_m[2] if walker else 0.0
    renderer.set_actors(actor(renderer, blueprint, extent_m, 10, 2, yaw=90.0, z=height, instance=9))
    pose = np.array([0.0, 2.0, extent_m[2], 0.0, 0.0, 0.0])
    camera = CameraView(400, 300, 60.0)
    rows, columns = np.nonzero(ids_of(renderer.render(camera, pose, CLEAR_DAY, frozenset({"instance"}))) == 9)
    focal_px = 200 / np.tan(np.radians(30))
    near_m = 10 - extent_m[1]
    # Seen from the side: length across, height up; shapes stay inside their box and nearly fill it.
    for size_px, size_m in ((np.ptp(columns) + 1, extent_m[0]), (np.ptp(rows) + 1, extent_m[2])):
        assert size_px <= 2 * size_m * focal_px / near_m * 1.12 + 4
        if not walker:
            assert size_px >= 2 * size_m * focal_px / 10 * 0.86 - 2


def test_riders_have_their_own_tag(renderer):
    bicycle = actor(renderer, "vehicle.bh.crossbike", (0.9, 0.25, 0.85), 5, 2, yaw=90, tag=19, instance=3)
    renderer.set_actors(bicycle)
    pictures = renderer.render(CAMERA, POSE, CLEAR_DAY)
    assert {SemanticTag.RIDER, SemanticTag.BICYCLE} <= set(tags_of(pictures)[ids_of(pictures) == 3].tolist())


def test_a_camera_inside_a_car_looks_out_of_it(renderer):
    renderer.set_actors(actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, 0, 2, instance=5))
    pose = np.array([0.3, 2.0, 1.2, 0.0, 0.0, 0.0])
    seen = ids_of(renderer.render(CAMERA, pose, CLEAR_DAY, frozenset({"instance"}))) == 5
    assert seen.mean() < 0.3


def test_the_same_input_gives_the_same_bytes_whatever_was_drawn_before(renderer):
    renderer.set_actors(actor(renderer, "vehicle.audi.a2", (1.85, 0.89, 0.77), 9, 2, instance=5))
    first = renderer.render(CAMERA, POSE, CLEAR_DAY, elapsed_s=3.0, frame=4)
    renderer.render(CAMERA, POSE + np.array([35, 0, 0, 0, 40, 0]), RAIN_NIGHT)
    again = renderer.render(CAMERA, POSE, CLEAR_DAY, elapsed_s=3.0, frame=4)
    for name in first:
        assert (first[name] == again[name]).all()


def test_relight_equals_render_of_each_weather(renderer):
    renderer.set_actors(
        actor(renderer, "vehicle.audi.a2", (1.85, 0.89, 0.77), 15, -2, yaw=180, lights=int(VehicleLight.LOW_BEAM))
    )
    pictures = renderer.relight(CAMERA, POSE, WEATHERS, elapsed_s=2.0, frame=9)
    for weather, picture in zip(WEATHERS, pictures):
        native = renderer.render(CAMERA, POSE, weather, frozenset({"rgb"}), elapsed_s=2.0, frame=9)["rgb"]
        assert (native == picture).all()


def test_weathers_look_different_from_each_other(renderer):
    pictures = [p[..., :3].astype(float) for p in renderer.relight(CAMERA, POSE, WEATHERS)]
    for index, first in enumerate(pictures):
        for second in pictures[index + 1 :]:
            assert np.abs(first - second).mean() > 6.0
    brightness = [p.mean() for p in pictures]
    day, dusk, night = brightness[0], brightness[4], brightness[5]
    assert day > dusk > night


def test_fog_hides_what_is_far_and_spares_what_is_near(renderer):
    clear, fog = (p[..., :3].astype(float) for p in renderer.relight(CAMERA, POSE, (CLOUDY_DAY, FOG_DAY)))
    depth = depth_m_of(renderer.render(CAMERA, POSE, CLEAR_DAY))
    far, near = (depth > 35) & (depth < 999), depth < 6
    assert fog[far].std() < 0.7 * clear[far].std()
    assert np.abs(fog[near] - clear[near]).mean() < 0.5 * np.abs(fog[far] - clear[far]).mean()


def test_labels_do_not_depend_on_weather(renderer):
    names = frozenset({"semantic", "instance", "depth"})
    day, night = (renderer.render(CAMERA, POSE, weather, names) for weather in (CLEAR_DAY, RAIN_NIGHT))
    for name in names:
        assert (day[name] == night[name]).all()


def test_warming_leaves_no_trace_in_later_pictures(renderer):
    before = renderer.render(CAMERA, POSE, RAIN_DAY, frozenset({"rgb"}))["rgb"]
    renderer.warm(RAIN_NIGHT, [CameraView(64, 64), CAMERA])
    assert (renderer.render(CAMERA, POSE, RAIN_DAY, frozenset({"rgb"}))["rgb"] == before).all()


def test_many_picture_sizes_can_be_drawn_in_turn(renderer):
    for width in range(20, 32):
        pictures = renderer.render(CameraView(width, 17), POSE, CLEAR_NIGHT)
        assert pictures["rgb"].shape == (17, width, 4)


def test_a_traffic_light_shows_its_state_at_28_metres(renderer):
    seen = {}
    for state, channel in ((0, "red"), (1, "yellow"), (2, "green"), (3, "dark")):
        renderer.set_traffic_lights(np.array([state], np.uint8), np.array([77]))
        for weather in (CLEAR_DAY, RAIN_NIGHT):
            pictures = renderer.render(CAMERA, POSE, weather)
            mask = (tags_of(pictures) == SemanticTag.TRAFFIC_LIGHT) & (ids_of(pictures) == 77)
            assert mask.any()
            lens = pictures["rgb"][mask][:, :3].astype(int)
            seen[channel, weather] = lens[lens.max(1).argmax()]
    for weather in (CLEAR_DAY, RAIN_NIGHT):
        blue, green, red = seen["red", weather]
        assert red > 120
        assert red > green + 60
        blue, green, red = seen["yellow", weather]
        assert min(red, green) > blue + 50
        blue, green, red = seen["green", weather]
        assert green > 120
        assert green > red + 60
        assert seen["dark", weather].max() < seen["red", weather].max()


def test_lamps_of_vehicles_follow_their_light_bits(renderer):
    def redness(bits: VehicleLight) -> float:
        car = actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, 8, 2, instance=5, lights=int(bits))
        car["color"] = (20, 20, 20)
        renderer.set_actors(car)
        pictures = renderer.render(CAMERA, POSE, CLEAR_NIGHT)
        lamps = pictures["rgb"][ids_of(pictures) == 5].astype(int)
        return float((lamps[:, 2] - lamps[:, 0]).mean())

    off, position, brake = (redness(bits) for bits in (VehicleLight(0), VehicleLight.POSITION, VehicleLight.BRAKE))
    assert off + 2 < position < brake - 2


def test_low_beams_light_the_road_at_night(renderer):
    def road_brightness(lights: int) -> float:
        renderer.set_actors(actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, -1, 2, lights=lights))
        pictures = renderer.render(CAMERA, POSE, CLEAR_NIGHT)
        return float(pictures["rgb"][45:60, 50:78, :3].mean())

    assert road_brightness(int(VehicleLight.LOW_BEAM)) > road_brightness(0) + 8


def test_the_sun_casts_the_shadow_of_a_car(renderer):
    pose = np.array([0.0, 2.0, 8.0, -40.0, 0.0, 0.0])
    van = actor(renderer, "vehicle.mercedes.sprinter", (2.96, 0.99, 1.28), 9, 2, instance=5)
    empty = renderer.render(CAMERA, pose, CLEAR_DAY)["rgb"]
    renderer.set_actors(van)
    pictures = renderer.render(CAMERA, pose, CLEAR_DAY)
    road = ids_of(pictures) == 0
    darker = empty[..., 1].astype(int) - pictures["rgb"][..., 1]
    assert (darker[road] > 15).sum() > 30


def test_shadows_do_not_depend_on_where_the_camera_was_before(renderer):
    def picture(x_m: float) -> np.ndarray:
        return renderer.render(CAMERA, (x_m, 2.0, 8.0, -20.0, 0.0, 0.0), CLEAR_DAY, frozenset({"rgb"}))["rgb"]

    places = (7.9, 8.1, 24.1)
    first = {place: picture(place) for place in places}
    for place in (8.1, 7.9, 8.1, 24.1, 7.9, 24.1, 8.1):
        assert (picture(place) == first[place]).all()


def test_walkers_move_their_legs(renderer):
    masks = []
    for phase in (0.0, np.pi / 2):
        extent = (0.19, 0.19, 0.93)
        renderer.set_actors(
            actor(
                renderer, "walker.pedestrian.0001", extent, 4, 2, yaw=90, z=0.93, tag=12, instance=4, walk_phase=phase
            )
        )
        masks.append(ids_of(renderer.render(CAMERA, POSE, CLEAR_DAY, frozenset({"instance"}))) == 4)
    widths = [np.ptp(np.nonzero(mask)[1]) for mask in masks]
    assert widths[1] > widths[0] + 3


def test_blinkers_and_police_lights_flash_with_simulation_time():
    lights = np.array([int(VehicleLight.LEFT_BLINKER | VehicleLight.LOW_BEAM), int(VehicleLight.SPECIAL1)], np.uint32)
    on, off = lights_at(lights, 0.0), lights_at(lights, 0.4)
    assert on[0] == lights[0]
    assert off[0] == int(VehicleLight.LOW_BEAM)
    assert on[1] != off[1]


def test_bad_input_is_refused_with_its_value(renderer):
    with pytest.raises(ValueError, match="camera pose"):
        renderer.render(CAMERA, [0, 0, np.nan, 0, 0, 0], CLEAR_DAY)
    with pytest.raises(ValueError, match="weather must be 14"):
        renderer.render(CAMERA, POSE, (1, 2, 3))
    with pytest.raises(ValueError, match="width_px"):
        CameraView(0, 72)
    with pytest.raises(ValueError, match="fov_deg"):
        CameraView(10, 10, 180.0)
    with pytest.raises(ValueError, match="extent_m"):
        renderer.mesh_id("vehicle.tesla.model3", (0, 1, 1))
    with pytest.raises(ValueError, match="1 traffic lights"):
        renderer.set_traffic_lights(np.zeros(3, np.uint8))
    lost = actor(renderer, "vehicle.tesla.model3", MODEL3_EXTENT_M, 0, 0)
    lost["mesh"] = 10_000
    with pytest.raises(ValueError, match="mesh_id"):
        renderer.set_actors(lost)
    with pytest.raises(ValueError, match="ACTOR_DTYPE"):
        renderer.set_actors(np.zeros(3))


def test_the_rotation_agrees_with_carla():
    carla = pytest.importorskip("carla")
    for pitch, yaw, roll in ((10, 20, 30), (-35, 170, 5), (0, -90, 0)):
        matrix = np.array(carla.Transform(carla.Location(), carla.Rotation(pitch, yaw, roll)).get_matrix())
        assert np.allclose(rotation_matrix(np.array([pitch, yaw, roll])), matrix[:3, :3], atol=1e-5)


def test_a_point_ahead_to_the_right_and_above_lands_there_in_the_picture():
    view = Viewpoint.of(CameraView(200, 100, 90.0), np.array([1.0, 2.0, 3.0, 0.0, 90.0, 0.0]))
    # Facing +y, right is -x.
    clip = view.view_projection @ np.array([1.0 - 2.0, 2.0 + 10.0, 3.0 + 1.0, 1.0])
    assert clip[3] == pytest.approx(10.0)
    assert clip[0] / clip[3] == pytest.approx(0.2)
    assert clip[1] / clip[3] == pytest.approx(-0.2)


def test_two_renderers_in_one_process_do_not_disturb_each_other(renderer: Renderer):
    everything = frozenset({"rgb", "semantic", "depth"})
    alone = renderer.render(CAMERA, POSE, RAIN_NIGHT, everything)
    second = Renderer(street_town())
    beside = renderer.render(CAMERA, POSE, RAIN_NIGHT, everything)
    of_second = second.render(CAMERA, POSE, RAIN_NIGHT, everything)
    second.close()
    after = renderer.render(CAMERA, POSE, RAIN_NIGHT, everything)
    for name, picture in alone.items():
        for other in (beside, of_second, after):
            assert (picture == other[name]).all(), name


def test_opening_and_drawing_raise_no_flag_of_gl(renderer: Renderer):
    fresh = Renderer(street_town())
    for weather in WEATHERS:
        fresh.render(CAMERA, POSE, weather)
    assert fresh._context.error == "GL_NO_ERROR"
    fresh.close()
