"""The protocol runs through the plain client on the embedded server, goes on after an interruption, and repeats."""

import json
import re

import carla
import pytest

from syndiff.cli import EXIT_FAILED, main
from syndiff.conformance.track import LENGTH_M, generated_track, longest_straight, opendrive


def test_the_generated_track_is_one_straight_flat_road_that_carla_s_own_parser_accepts():
    road_map = carla.Map("track", opendrive())
    track = generated_track()
    for along_m, right_m in ((0.0, 1.0), (track.length_m, track.half_width_m - 1), (400.0, 1 - track.half_width_m)):
        here = track.pose(along_m, right_m, 0.0).location
        found = road_map.get_waypoint(here, project_to_road=False)
        assert found is not None, f"no lane at {here}"
        assert found.transform.location.z == pytest.approx(0.0, abs=1e-6)
    straight = longest_straight(road_map)
    assert straight.length_m == pytest.approx(LENGTH_M, abs=10.0)


def test_a_track_s_poses_follow_its_heading():
    track = generated_track()
    turned = carla.Transform(carla.Location(x=5.0, y=7.0), carla.Rotation(yaw=90.0))
    pose = type(track)("turned", turned, 100.0, 10.0).pose(10.0, 3.0, 0.0)
    assert (pose.location.x, pose.location.y) == pytest.approx((2.0, 17.0), abs=1e-5)
    assert pose.rotation.yaw == 90.0


def test_an_unknown_weather_preset_is_refused_before_anything_starts(tmp_path, capsys):
    assert main(["conformance", "--out", str(tmp_path / "out"), "--presets", "Hail"]) == EXIT_FAILED
    assert "ClearNoon" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_parts_that_only_ask_describe_a_running_server(tmp_path, server):
    options = ["--port", str(server.port), "--parts", "library", "map", "--vehicles", "vehicle.tesla.model3"]
    assert main(["conformance", "--out", str(tmp_path), *options]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["server"] == {"version": "0.9.16", "is_ours": True, "map": "TownGrid"}
    assert report["unfinished"]["driving"] == "not measured"
    assert report["figures"]["map"]["map/spawn_points"]["value"] > 50
    assert "vehicle.tesla.model3" in report["figures"]["library"]["blueprints/vehicle"]["value"]
    assert report["figures"]["library"]["vehicle.tesla.model3/wheels"]["value"] == 4


@pytest.mark.slow
def test_two_small_runs_agree_with_each_other_and_a_finished_part_is_not_measured_again(tmp_path, capsys):
    few = ["--vehicles", "vehicle.tesla.model3", "--presets", "ClearNoon", "--timing-ticks", "20"]
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert main(["conformance", "--out", one, "--parts", "driving", *few]) == 0
    written = (tmp_path / "one" / "parts" / "driving.json").read_bytes()
    assert main(["conformance", "--out", one, *few]) == 0
    assert (tmp_path / "one" / "parts" / "driving.json").read_bytes() == written
    assert main(["conformance", "--out", two, *few]) == 0
    capsys.readouterr()
    assert main(["conformance-diff", one, two]) == 0, capsys.readouterr().out

    report = json.loads((tmp_path / "two" / "report.json").read_text())
    assert set(report["figures"]) == {"library", "map", "timing", "map weather", "driving", "sensors", "weather"}
    figures = {key: figure for part in report["figures"].values() for key, figure in part.items()}
    assert 3.0 < figures["vehicle.tesla.model3/time_0_100_s"]["value"] < 10.0
    assert 30.0 < figures["vehicle.tesla.model3/braking_100_m"]["value"] < 55.0
    assert figures["camera/depth/middle_per_geometry"]["value"] == pytest.approx(1.0, abs=0.01)
    assert figures["imu/rest_accel_z_mps2"]["value"] == pytest.approx(9.81, abs=0.02)
    assert figures["imu/frames_match_ticks"]["value"] is True
    assert len(report["traces"]["vehicle.tesla.model3/100 and stop"]["speed_mps"]) > 100
    page = (tmp_path / "two" / "report.html").read_text()
    assert "not verified by us" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "a page must not point outside itself"

    other = ["--vehicles", "vehicle.lincoln.mkz_2020", "--presets", "ClearNoon"]
    assert main(["conformance", "--out", one, *other]) == EXIT_FAILED
    assert "measured with another vehicles" in capsys.readouterr().err


@pytest.mark.slow
def test_a_running_server_gets_its_map_and_settings_back(tmp_path, fresh_server):
    running = fresh_server("--map", "TownGrid")
    client = running.client()
    options = ["--port", str(running.port), "--parts", "driving", "--vehicles", "vehicle.tesla.model3"]
    assert main(["conformance", "--out", str(tmp_path), *options]) == 0
    world = client.get_world()
    assert world.get_map().name.endswith("TownGrid")
    assert world.get_settings().synchronous_mode is False
    assert not [a for a in world.get_actors() if a.type_id.startswith(("vehicle.", "sensor."))]
