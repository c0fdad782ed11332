"""Debug drawing through the real client: what colour cameras show and for how long."""

import carla
import numpy as np
import pytest

SIZE = {"image_size_x": 160, "image_size_y": 90}
PINK = carla.Color(255, 0, 255)


@pytest.fixture
def look(world, road, listen):
    """Ticks once and returns (colour picture, labels, depth in metres) from two metres above the road."""
    eye = carla.Transform(road.transform(carla.Location(z=2.0)), road.rotation)
    families = ("rgb", "semantic_segmentation", "depth")
    received = [listen(f"sensor.camera.{family}", eye, **SIZE) for family in families]

    def once():
        world.tick()
        images = [queue.get(timeout=30) for queue in received]
        rgb, labels, depth = (np.frombuffer(image.raw_data, np.uint8).reshape(90, 160, 4) for image in images)
        blue, green, red = (depth[..., channel].astype(float) for channel in range(3))
        return rgb, labels[..., 2], 1000.0 * (red + 256.0 * green + 65536.0 * blue) / (2.0**24 - 1.0)

    return once


def pink(picture):
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    return np.minimum(blue, red) > green + 120  # some shops have purple signs


def ahead(road, x, y=0.0, z=1.0):
    return road.transform(carla.Location(x=x, y=y, z=z))


def test_a_line_is_seen_in_colour_where_it_is_and_in_no_label(world, road, look):
    _, labels_before, depth_before = look()
    world.debug.draw_line(ahead(road, 10, -2, 2.0), ahead(road, 10, 2, 2.0), 0.2, PINK, 0.05)
    rgb, labels, depth_m = look()
    rows, columns = np.nonzero(pink(rgb))
    assert rows.min() >= 42
    assert rows.max() <= 47  # at the height of the eye
    assert columns.max() - columns.min() + 1 == pytest.approx(4.0 / 10.0 * 80.0, abs=2)
    assert np.array_equal(labels, labels_before)
    assert np.array_equal(depth_m, depth_before)
    rgb, _, _ = look()
    assert not pink(rgb).any()


def test_shapes_live_as_long_as_they_were_told_or_until_they_are_cleared(world, road, look):
    helper, place = world.debug, ahead(road, 8)
    helper.draw_point(place, 0.5, PINK, 0.1)
    assert [bool(pink(look()[0]).any()) for _ in range(4)] == [True, True, False, False]
    helper.draw_point(place, 0.5, PINK, 0.0, False)
    assert [bool(pink(look()[0]).any()) for _ in range(2)] == [True, False]
    helper.draw_point(place, 0.5, PINK)
    assert [bool(pink(look()[0]).any()) for _ in range(3)] == [True, True, True]
    helper.draw_string(place, "text", False, PINK)
    helper.clear_debug_shape()
    assert 5 < pink(look()[0]).sum() < 200
    helper.clear_debug_string()
    assert not pink(look()[0]).any()


def test_points_arrows_boxes_and_texts_have_their_size(world, road, look):
    helper = world.debug
    box = carla.BoundingBox(ahead(road, 10, 0, 2.0), carla.Vector3D(1.0, 1.0, 1.0))
    drawn = {
        "point": lambda: helper.draw_point(ahead(road, 10, 0, 2.0), 1.0, PINK, 0.05),
        "box": lambda: helper.draw_box(box, road.rotation, 0.05, PINK, 0.05),
        "arrow": lambda: helper.draw_arrow(ahead(road, 10, -1, 2.0), ahead(road, 10, 1, 2.0), 0.05, 0.5, PINK, 0.05),
        "string": lambda: helper.draw_string(ahead(road, 10, -1, 2.0), "debug", False, PINK, 0.05),
    }
    extents = {}
    for name, draw in drawn.items():
        draw()
        rows, columns = np.nonzero(pink(look()[0]))
        extents[name] = (int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)
    assert extents["point"] == (pytest.approx(8, abs=1), pytest.approx(8, abs=1))
    assert extents["box"] == (pytest.approx(2.0 / 9.0 * 80.0, abs=2), pytest.approx(2.0 / 9.0 * 80.0, abs=2))
    assert extents["arrow"] == (pytest.approx(16, abs=2), pytest.approx(8, abs=2))
    assert 20 < extents["string"][0] < 60
    assert 5 < extents["string"][1] < 16


def test_what_stands_before_a_line_hides_it(world, road, look):
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.tesla.model3"),
        carla.Transform(ahead(road, 8.0, 0.0, 0.1), carla.Rotation(yaw=road.rotation.yaw + 90.0)),
    )
    for _ in range(10):
        look()
    world.debug.draw_line(ahead(road, 14, -6, 0.4), ahead(road, 14, 6, 0.4), 0.1, PINK, 0.05)
    rgb, labels, _ = look()
    seen = pink(rgb)
    assert seen.any()
    assert not seen[labels == 14].any()
    assert {True} == {bool(seen[:, half].any()) for half in (slice(0, 60), slice(100, 160))}
    car.destroy()


def test_a_reload_wipes_all_shapes(client, world, road, listen):
    world.debug.draw_point(ahead(road, 8), 0.5, PINK)
    world.tick()
    world = client.reload_world(False)
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    for name, value in SIZE.items():
        blueprint.set_attribute(name, str(value))
    rgb = listen("sensor.camera.rgb", carla.Transform(ahead(road, 0, 0, 2.0), road.rotation), **SIZE)
    world.tick()
    picture = np.frombuffer(rgb.get(timeout=30).raw_data, np.uint8).reshape(90, 160, 4)
    assert not pink(picture).any()


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ([[5, [[0.0, 0.0, 0.0], 0.1]], [255, 0, 0], 1.0, True], "head-up display"),
        ([[0, [[0.0, float("nan"), 0.0], 0.1]], [255, 0, 0], 1.0, True], "location"),
        ([[0, [[0.0, 0.0, 0.0], -1.0]], [255, 0, 0], 1.0, True], "size"),
        ([[1, [[0.0, 0.0, 0.0], 0.1]], [255, 0, 0], 1.0, True], "debug line"),
        ([[0, [[0.0, 0.0, 0.0], 0.1]], [300, 0, 0], 1.0, True], "colour"),
        ("line", "debug shape"),
    ],
)
def test_a_shape_that_makes_no_sense_is_refused_by_name(server, wire, shape, told):
    failed, message = wire(server).call("draw_debug_shape", shape)[0]
    assert failed is True
    assert told in message[0]
