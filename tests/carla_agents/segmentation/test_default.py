"""The shipped segmenter loads, and names what freshly drawn streets of a town that it never saw show."""

from collections.abc import Iterator

import numpy as np
import pytest

from augment.conditions import Condition
from carla_agents.policies.base import CameraSpec
from carla_agents.segmentation.carla_sets import CARLA_0_9_16, GROUPS12
from carla_agents.segmentation.class_sets import IGNORED, translate
from carla_agents.segmentation.default import DEFAULT_FOLDER, default_segmenter
from carla_agents.segmentation.metrics import confusion, iou
from carla_agents.segmentation.weights import parameter_count
from carla_server.render.camera import CameraView
from carla_server.render.context import GLUnavailable
from carla_server.render.renderer import Renderer
from carla_server.roads.towns import load_town

PLACES = (0, 60, 120, 180)


@pytest.fixture(scope="module")
def held_out_town() -> Iterator[tuple[Renderer, np.ndarray]]:
    town = load_town("TownHill")
    try:
        renderer = Renderer(town)
    except GLUnavailable as error:
        pytest.skip(str(error))
    yield renderer, town.spawn_points
    renderer.close()


def test_the_shipped_segmenter_is_small_and_says_where_it_comes_from():
    segmenter = default_segmenter()
    assert segmenter.classes == GROUPS12
    assert parameter_count(segmenter) < 0.6e6
    card = (DEFAULT_FOLDER / "README.md").read_text(encoding="utf-8")
    assert "make segmenter" in card
    assert "mean over conditions" in card


@pytest.mark.parametrize("condition", ["clear-day", "rain-night", "fog-dusk"])
def test_it_agrees_with_the_truth_on_streets_of_a_held_out_town(held_out_town, condition):
    renderer, places = held_out_town
    segmenter, camera = default_segmenter(), CameraSpec()
    view = CameraView(camera.width_px, camera.height_px, camera.fov_deg)
    weather = Condition.parse(condition).to_weather().as_tuple()
    matrix = np.zeros((12, 12), np.int64)
    for number in PLACES:
        x, y, z, _, yaw, _ = places[number]
        pose = (x, y, z + camera.position_in_ego_m[2] - 0.5, camera.pitch_deg, yaw, 0.0)
        drawn = renderer.render(view, pose, weather, frozenset({"rgb", "semantic"}), 5.0, 7)
        labels = translate(drawn["semantic"][..., 2], CARLA_0_9_16, GROUPS12, "the picture")
        shown = segmenter.predict(np.ascontiguousarray(drawn["rgb"][..., 2::-1])[None])[0]
        matrix += confusion(labels, np.where(labels == IGNORED, 0, shown), 12)
    common = iou(matrix)[[0, 1, 3, 4, 11]]  # road, lane paint, building, vegetation, sky
    assert np.trace(matrix) / matrix.sum() > 0.93
    assert (common > 0.65).all(), common
