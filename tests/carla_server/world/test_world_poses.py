"""Poses agree with the client's own transforms."""

import carla
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_server.world.poses import compose, matrix_rotation, relative, rotation_matrix, wrap_deg

angle = st.floats(-89.0, 89.0)
meters = st.floats(-100.0, 100.0)
poses = st.tuples(meters, meters, meters, angle, st.floats(-179.0, 179.0), angle)


def as_carla(pose):
    return carla.Transform(carla.Location(*pose[:3]), carla.Rotation(pitch=pose[3], yaw=pose[4], roll=pose[5]))


@settings(max_examples=60, deadline=None)
@given(poses)
def test_the_rotation_matrix_is_that_of_the_client(pose):
    expected = np.array(as_carla(pose).get_matrix())[:3, :3]
    assert np.allclose(rotation_matrix(*pose[3:]), expected, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(poses, poses)
def test_a_composed_place_is_where_the_client_computes_it(parent, child):
    place = as_carla(parent).transform(carla.Location(*child[:3]))
    assert compose(parent, child)[:3] == pytest.approx((place.x, place.y, place.z), abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(poses, poses)
def test_relative_undoes_compose(parent, child):
    found = relative(parent, compose(parent, child))
    assert found[:3] == pytest.approx(child[:3], abs=1e-6)
    assert np.allclose(rotation_matrix(*found[3:]), rotation_matrix(*child[3:]), atol=1e-6)


def test_a_level_parent_turns_the_child_by_its_yaw():
    assert compose((1.0, 2.0, 0.0, 0.0, 90.0, 0.0), (3.0, 0.0, 1.0, -5.0, 100.0, 2.0)) == pytest.approx(
        (1.0, 5.0, 1.0, -5.0, -170.0, 2.0)
    )


def test_a_camera_that_looks_straight_up_keeps_its_pitch():
    assert matrix_rotation(rotation_matrix(90.0, 20.0, 0.0))[0] == pytest.approx(90.0)
    assert wrap_deg(190.0) == pytest.approx(-170.0)
