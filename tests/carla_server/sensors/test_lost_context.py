"""Cameras whose OpenGL context is closed under them."""

from __future__ import annotations

import numpy as np
import pytest

from carla_server.render.camera import CameraView
from carla_server.render.context import GLUnavailable
from carla_server.render.failure import DrawingFailed
from carla_server.render.renderer import Renderer
from carla_server.sensors.relighting import RelitCondition
from carla_server.wire.structs import InvalidArgument

SIZE = {"image_size_x": 64, "image_size_y": 36}
FAMILIES = ("rgb", "semantic_segmentation", "optical_flow", "dvs")


def _opener(opened: list[Renderer]):
    def open_renderer(town):
        try:
            opened.append(Renderer(town))
        except GLUnavailable as error:
            pytest.skip(str(error))
        return opened[-1]

    return open_renderer


def test_pictures_after_a_lost_context_are_those_of_a_world_that_never_lost_it(make_stage):
    sent = []
    for loses_it in (False, True):
        opened: list[Renderer] = []
        stage = make_stage(open_renderer=_opener(opened))
        stage.add("vehicle.tesla.model3", 12.0, 0.0, 0.5)
        cameras = [stage.add(f"sensor.camera.{family}", -5.0, 0.0, 2.0, **SIZE) for family in FAMILIES]
        streams = {camera.stream_id for camera in cameras}
        stage.tick(0.05, streams)
        if loses_it:
            opened[0].close()
        output = stage.tick(0.05, streams)
        assert output.failure == ""
        sent.append([[bytes(part) for part in parts[1:]] for _, parts in output.measurements])
        assert len(opened) == 1 + loses_it
        opened[-1].close()
    assert sent[0] == sent[1]


def test_relighting_with_a_lost_context_asks_for_a_tick_and_works_after_it(make_stage):
    opened: list[Renderer] = []
    stage = make_stage(open_renderer=_opener(opened))
    camera = stage.add("sensor.camera.rgb", -5.0, 0.0, 2.0, **SIZE)
    stage.measured(camera)
    opened[0].close()
    condition = RelitCondition(stage.weather)
    with pytest.raises(InvalidArgument, match="tick and ask again"):
        stage.sensors.relight(camera, stage.frame, [condition])
    (body,) = stage.measured(camera)
    (relit,) = stage.sensors.relight(camera, stage.frame, [condition])
    assert body.endswith(relit.tobytes())
    opened[-1].close()


def test_a_closed_renderer_says_so_and_may_be_closed_again(square):
    opened: list[Renderer] = []
    renderer = _opener(opened)(square)
    renderer.close()
    renderer.close()
    with pytest.raises(DrawingFailed, match="has been released"):
        renderer.render(CameraView(64, 36), np.zeros(6), (0.0,) * 14)
