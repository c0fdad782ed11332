import json

import pytest

from leaderboard.infractions import Infraction, InfractionKind
from leaderboard.results import DriveKey, DriveRecord, PartialRun, Results, ResultsError, drive_status

PLANNED = [DriveKey(1000, "clear-day", 0), DriveKey(1000, "rain-night", 0)]
IDENTITY = {"seed": 3, "policy": "aim"}
HIT = Infraction(InfractionKind.COLLISION_VEHICLE, 90, 4.5, (1.0, 2.0, 0.0), "Agent collided")


def record(key: DriveKey, completion_pct: float = 100.0, infractions=()) -> DriveRecord:
    status = drive_status(completion_pct, infractions)
    return DriveRecord(key, status, completion_pct, tuple(infractions), 200.0, 41.0)


def test_a_partial_run_has_no_headline(tmp_path):
    results = Results(tmp_path / "results.json", IDENTITY, PLANNED)
    results.add(record(PLANNED[0]))
    assert results.missing() == [PLANNED[1]]
    for figure in (results.summary, results.by_condition, results.rates_per_km):
        with pytest.raises(PartialRun, match="1 of 2 planned drives have no record"):
            figure()
    content = json.loads((tmp_path / "results.json").read_text())
    assert "summary" not in content
    assert content["complete"] is False


def test_a_stopped_evaluation_goes_on_where_it_was(tmp_path):
    first = Results(tmp_path / "results.json", IDENTITY, PLANNED)
    first.add(record(PLANNED[0], 50.0, [HIT]))
    resumed = Results(tmp_path / "results.json", IDENTITY, PLANNED)
    assert resumed.records == first.records
    resumed.add(record(PLANNED[1]))
    assert resumed.summary().driving_score_mean == pytest.approx((50.0 * 0.6 + 100.0) / 2)
    by_condition = resumed.by_condition()
    assert by_condition["clear-day"].driving_score_mean == pytest.approx(30.0)
    assert by_condition["rain-night"].count == 1
    assert Results.read(tmp_path / "results.json").summary() == resumed.summary()


def test_results_of_two_evaluations_never_mix(tmp_path):
    Results(tmp_path / "results.json", IDENTITY, PLANNED).save()
    with pytest.raises(ResultsError, match="different: policy"):
        Results(tmp_path / "results.json", {**IDENTITY, "policy": "expert"}, PLANNED)
    with pytest.raises(ResultsError, match="planned drives"):
        Results(tmp_path / "results.json", IDENTITY, PLANNED[:1])


def test_a_drive_is_recorded_once_and_only_if_planned(tmp_path):
    results = Results(tmp_path / "results.json", IDENTITY, PLANNED)
    results.add(record(PLANNED[0]))
    with pytest.raises(ValueError, match="has a record already"):
        results.add(record(PLANNED[0]))
    with pytest.raises(ValueError, match="was not planned"):
        results.add(record(DriveKey(9, "clear-day", 0)))


def test_a_crash_of_the_simulator_is_an_outcome_and_not_a_zero(tmp_path):
    results = Results(tmp_path / "results.json", IDENTITY, PLANNED[:1])
    results.add_crash(PLANNED[0], "the embedded server died")
    again = Results(tmp_path / "results.json", IDENTITY, PLANNED[:1])
    assert again.crashes == [{"drive": "1000/clear-day/0", "reason": "the embedded server died"}]
    assert again.missing() == PLANNED[:1]


HEADER = '{"format": "syndiff-results", "version": 1}'


def test_who_resumes_finds_the_drive_that_took_the_process_with_it(tmp_path):
    Results(tmp_path / "results.json", IDENTITY, PLANNED).begin(PLANNED[1])
    assert Results.read(tmp_path / "results.json").crashes == []
    resumed = Results(tmp_path / "results.json", IDENTITY, PLANNED)
    assert [crash["drive"] for crash in resumed.crashes] == [str(PLANNED[1])]
    assert resumed.missing() == PLANNED
    resumed.begin(PLANNED[0])
    resumed.give_up()
    assert len(Results(tmp_path / "results.json", IDENTITY, PLANNED).crashes) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}', HEADER])
def test_a_damaged_file_is_refused_with_a_reason(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ResultsError, match=r"results\.json"):
        Results.read(tmp_path / "results.json")


def test_status_words_are_those_of_the_leaderboard():
    blocked = Infraction(InfractionKind.BLOCKED, 1, 1.0, (0.0, 0.0, 0.0), "Agent got blocked")
    assert drive_status(100.0, []) == "Perfect"
    assert drive_status(100.0, [HIT]) == "Completed"
    assert drive_status(40.0, [HIT, blocked]) == "Failed - Agent got blocked"
    assert drive_status(40.0, [HIT]) == "Failed"
