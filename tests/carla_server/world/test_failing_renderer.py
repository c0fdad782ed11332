"""A renderer whose driver fails in a running world."""

import pytest

from carla_server.render.failure import DrawingFailed
from carla_server.wire.structs import ActorDescription, InvalidArgument
from carla_server.world.world import World
from tests.carla_server.world.conftest import PaintedRenderer

HERE = (0.0, 0.0, 2.0, 0.0, 0.0, 0.0)
SIZE = (("image_size_x", 0, "8"), ("image_size_y", 0, "4"))
CAMERA = ActorDescription(0, "sensor.camera.semantic_segmentation", SIZE)
GNSS = ActorDescription(0, "sensor.other.gnss", ())


class FailingRenderer(PaintedRenderer):
    """Draws well until its driver fails."""

    fails = False

    def render(self, *arguments, **named):
        if self.fails:
            raise DrawingFailed("Fake GPU: GL_CONTEXT_LOST while drawing")
        return super().render(*arguments, **named)


@pytest.fixture
def opened():
    return []


@pytest.fixture
def world(tiny_town, opened):
    def open_renderer(town):
        if len(opened) == 2:
            raise RuntimeError("no OpenGL left")
        opened.append(FailingRenderer(town))
        return opened[-1]

    return World(tiny_town, seed=1, open_renderer=open_renderer)


def test_a_tick_whose_renderer_fails_draws_the_same_picture_with_a_new_one(world, opened):
    camera = world.spawn(CAMERA, HERE)
    before = world.tick(0.05, {camera.stream_id}).measurements[0][1][1:]
    opened[0].fails = True
    output = world.tick(0.05, {camera.stream_id})
    assert output.measurements[0][1][1:] == before
    assert output.failure == ""
    assert opened[0].closed
    assert opened[1].actors.tolist() == opened[0].actors.tolist()
    assert opened[1].light_ids == opened[0].light_ids
    world.tick(0.05, {camera.stream_id})
    assert len(opened) == 2


def test_if_no_new_renderer_opens_ticks_go_on_without_cameras_and_say_why(world, opened):
    camera, gnss = world.spawn(CAMERA, HERE), world.spawn(GNSS, HERE)
    world.tick(0.05, {camera.stream_id})
    for renderer in range(2):
        opened[renderer].fails = True
        output = world.tick(0.05, {camera.stream_id, gnss.stream_id})
    for _ in range(2):
        assert [stream for stream, _ in output.measurements] == [gnss.stream_id]
        assert "GL_CONTEXT_LOST" in output.failure
        assert "no OpenGL left" in output.failure
        assert "restart the server" in output.failure
        frame = world.frame
        output = world.tick(0.05, {camera.stream_id, gnss.stream_id})
        assert world.frame == frame + 1
    assert world.tick(0.05, {gnss.stream_id}).failure == ""


def test_a_new_camera_after_the_failure_tries_the_driver_again(world, opened):
    camera = world.spawn(CAMERA, HERE)
    for renderer in range(2):
        opened[renderer].fails = True
        output = world.tick(0.05, {camera.stream_id})
    assert output.failure
    with pytest.raises(InvalidArgument, match="no OpenGL left"):
        world.spawn(CAMERA, HERE)
    opened.clear()  # the driver is back
    second = world.spawn(CAMERA, HERE)
    output = world.tick(0.05, {camera.stream_id, second.stream_id})
    assert output.failure == ""
    assert len(output.measurements) == 2
