import json

import pytest

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.ingest import read_result_file
from leaderboard.official_results import LABELS, global_record_json, outside_m, record_json, result_json
from leaderboard.results import DriveKey, DriveRecord, ResultsError
from leaderboard.score import Metric
from leaderboard.utils.statistics_manager import StatisticsManager, to_route_record

KEYS_2X = [
    "collisions_layout",
    "collisions_pedestrian",
    "collisions_vehicle",
    "red_light",
    "stop_infraction",
    "outside_route_lanes",
    "min_speed_infractions",
    "yield_emergency_vehicle_infractions",
    "scenario_timeouts",
    "route_dev",
    "vehicle_blocked",
    "route_timeout",
]


def event(kind: InfractionKind, message: str = "m", percentage: float | None = None) -> Infraction:
    return Infraction(kind, 5, 0.25, (1.0, 2.0, 0.0), message, percentage)


OUTSIDE = "Agent went outside its route lanes for about 23.5 meters (10.0% of the completed route)"
STOP = event(InfractionKind.STOP, "Agent ran a stop with id=21 at (x=101.0, y=-220.8, z=0.14)")
SLOW = event(InfractionKind.MIN_SPEED, "Average speed is 63.08% of the surrounding traffic's one", 63.08)
OFF = event(InfractionKind.OUTSIDE_LANES, OUTSIDE, 10.0)


def drive(route_id: int, *events: Infraction, pct: float = 100.0, status: str = "Completed") -> DriveRecord:
    return DriveRecord(DriveKey(route_id, "clear-day", 0), status, pct, events, 691.196, 177.2)


def test_a_record_has_the_keys_and_roundings_of_the_official_file():
    row = record_json(drive(2000, STOP, SLOW), 0, Metric.V2_0, 21.3684)
    assert list(row) == ["index", "route_id", "status", "num_infractions", "infractions", "scores", "meta"]
    assert list(row["infractions"]) == KEYS_2X
    assert row["route_id"] == "RouteScenario_2000_rep0"
    assert row["num_infractions"] == 2
    # 0.8 x (1 - 0.3 x (1 - 0.6308)) as the official evaluator wrote for these two messages.
    assert row["scores"] == {"score_route": 100.0, "score_penalty": 0.711392, "score_composed": 71.1392}
    assert row["meta"] == {"route_length": 691.196, "duration_game": 177.2, "duration_system": 21.368}


def test_means_divide_by_all_drives_and_rates_by_the_kilometres_driven():
    rows = [record_json(drive(1, STOP, STOP), 0), record_json(drive(2, pct=50.0, status="Failed"), 1)]
    overall = global_record_json(rows, 4)
    assert overall["status"] == "Failed"
    assert overall["scores_mean"]["score_route"] == 37.5
    assert overall["scores_mean"]["score_composed"] == round((64.0 + 50.0) / 4, 6)
    assert overall["scores_std_dev"]["score_composed"] == 9.899
    assert overall["infractions"]["stop_infraction"] == round(2 / (0.691196 * 1.5), 3)
    assert overall["meta"]["exceptions"] == [["RouteScenario_2_rep0", 1, "Failed"]]
    assert global_record_json(rows[:1], 1)["scores_std_dev"]["score_route"] == 0
    with pytest.raises(ValueError, match="do not fit"):
        global_record_json(rows, 1)


def test_metres_outside_the_lanes_are_summed_and_not_divided():
    assert outside_m(OUTSIDE) == 23.5
    rows = [record_json(drive(1, OFF), 0), record_json(drive(2, OFF), 1)]
    assert global_record_json(rows, 2)["infractions"]["outside_route_lanes"] == 0.047


def test_the_file_of_a_finished_run_holds_fifteen_labels_and_an_unfinished_one_none():
    rows = [record_json(drive(1, STOP), 0)]
    done = result_json(rows, 1, entry_status="Finished", sensors=["carla_gnss"], finished=True)
    assert list(done) == ["_checkpoint", "entry_status", "eligible", "sensors", "values", "labels"]
    assert done["labels"] == [label for label, _ in LABELS]
    assert done["values"][:3] == ["80.0", "100.0", "0.8"]
    half = result_json(rows, 2, entry_status="Started", sensors=[], finished=False)
    assert half["_checkpoint"]["global_record"] == {}
    assert half["eligible"] is False
    assert half["_checkpoint"]["progress"] == [1, 2]


def test_the_statistics_manager_merges_files_as_the_official_tool_does(tmp_path):
    paths = []
    for number in range(2):
        path = tmp_path / f"{number}.json"
        rows = [record_json(drive(number, STOP), number)]
        path.write_text(json.dumps(result_json(rows, 2, entry_status="Started", sensors=[], finished=False)))
        paths.append(path)
    manager = StatisticsManager(tmp_path / "merged.json", 0)
    manager.clear_records()
    for path in reversed(paths):
        manager.add_file_records(path)
    manager.sort_records()
    manager.save_sensors(["carla_camera"])
    manager.save_progress(2, 2)
    manager.compute_global_statistics()
    manager.validate_and_write_statistics(True, False)
    merged = json.loads((tmp_path / "merged.json").read_text())
    assert merged["entry_status"] == "Finished"
    assert [r["route_id"] for r in merged["_checkpoint"]["records"]] == [
        "RouteScenario_0_rep0",
        "RouteScenario_1_rep0",
    ]
    assert merged["_checkpoint"]["global_record"]["scores_mean"]["score_composed"] == 80.0
    row = {**rows[0], "town_name": "Town12"}
    assert to_route_record(row).to_json() == row


def write(path, rows, total, **more):
    content = result_json(rows, total, entry_status="Finished", sensors=[], finished=False)
    path.write_text(json.dumps({**content, **more}))
    return path


def test_an_official_file_gives_back_its_events(tmp_path):
    path = write(tmp_path / "r.json", [record_json(drive(7, STOP, SLOW, OFF), 0)], 3)
    found = read_result_file(path)
    assert (found.origin, found.missing_count, found.doubts) == ("2.x", 2, ())
    (record,) = found.records.values()
    assert [(e.kind, e.percentage) for e in record.infractions] == [
        (InfractionKind.STOP, None),
        (InfractionKind.OUTSIDE_LANES, 10.0),
        (InfractionKind.MIN_SPEED, 63.08),
    ]
    assert record.infractions[0].position_in_world_m == (101.0, -220.8, 0.14)


def test_what_our_evaluator_wrote_beside_an_official_file_is_read_with_it(tmp_path):
    path = write(tmp_path / "r.json", [record_json(drive(7, STOP), 0)], 1)
    assert "simulator" not in read_result_file(path).provenance
    beside = tmp_path / "r.json.provenance.json"
    beside.write_text(json.dumps({"simulator": {"kind": "embedded", "map": "TownGrid"}, "routes_sha256": "ab"}))
    known = read_result_file(path).provenance
    assert (known["simulator"]["map"], known["routes_sha256"], known["entry_status"]) == (
        "TownGrid",
        "ab",
        "Finished",
    )
    for text, reason in (("{", "cannot be read"), ("[]", "names no simulator"), ("{}", "names no simulator")):
        beside.write_text(text)
        with pytest.raises(ResultsError, match=reason):
            read_result_file(path)


def test_files_of_1_0_and_of_bench2drive_are_told_apart(tmp_path):
    old = record_json(drive(7, STOP), 0, Metric.V1_0)
    del old["num_infractions"]
    old["route_id"] = "RouteScenario_7"
    again = {**old, "index": 1}
    found = read_result_file(write(tmp_path / "old.json", [old, again], 2))
    assert found.origin == "1.0"
    assert [key.repetition for key in found.records] == [0, 1]
    row = {**record_json(drive(7), 0), "scenario_name": "ParkingExit_1", "weather_id": 3, "town_name": "Town12"}
    found = read_result_file(write(tmp_path / "b2d.json", [row], 1))
    assert found.origin == "bench2drive"
    assert list(found.scenario_types.values()) == ["ParkingExit"]


def test_scores_that_contradict_their_events_are_doubted_and_broken_files_refused(tmp_path):
    row = record_json(drive(7, STOP), 0)
    row["scores"]["score_composed"] = 99.0
    (doubt,) = read_result_file(write(tmp_path / "r.json", [row], 1)).doubts
    assert "the file says 99, its events make 80.000" in doubt
    for text, message in (("[1", "cannot be read"), ("[]", "holds a list"), ("{}", "no result file")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ResultsError, match=message):
            read_result_file(tmp_path / "bad.json")
    del row["meta"]
    with pytest.raises(ResultsError, match="record 0: KeyError"):
        read_result_file(write(tmp_path / "r.json", [row], 1))
