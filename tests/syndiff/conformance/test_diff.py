"""Comparing two reports: tolerances, missing figures, maps and parts that only one has."""

import json

import pytest

from syndiff.cli import EXIT_FAILED, main
from syndiff.conformance.diff import compare, read_report
from syndiff.conformance.figures import Figure


def report(figures: dict[str, Figure], *, map_name: str = "Town", part: str = "driving") -> dict:
    return {"format": 1, "server": {"map": map_name}, "unfinished": {}, "figures": {part: figures}}


def write(path, contents: dict) -> str:
    plain = contents | {
        "figures": {p: {k: f.to_json() for k, f in figures.items()} for p, figures in contents["figures"].items()}
    }
    path.mkdir()
    (path / "report.json").write_text(json.dumps(plain))
    return str(path)


def texts(reference: dict[str, Figure], other: dict[str, Figure]) -> dict[str, str]:
    return {d.figure_id: d.text for d in compare(report(reference), report(other)).differences}


def test_a_number_within_the_larger_tolerance_is_equal_and_beyond_it_differs():
    reference = {"stop": Figure.number(40.0, "m", relative=0.1, absolute=0.5)}
    assert texts(reference, {"stop": Figure.number(43.9, "m")}) == {}
    found = texts(reference, {"stop": Figure.number(44.5, "m")})
    assert found["stop"] == "40 m, but 44.5 m (+11.2 %); tolerated 4 m"


def test_the_reference_s_tolerance_counts_not_the_other_s():
    strict, lax = Figure.number(1.0, "s", absolute=0.1), Figure.number(1.3, "s", absolute=5.0)
    assert "x" in texts({"x": strict}, {"x": lax})
    assert texts({"x": lax}, {"x": strict}) == {}


def test_texts_and_truths_must_be_equal_and_sets_name_what_changed():
    found = texts(
        {"a": Figure("left"), "b": Figure(True), "c": Figure(["car", "road"]), "d": Figure(["x", "y"])},
        {"a": Figure("right"), "b": Figure(False), "c": Figure(["road", "sky"]), "d": Figure(["y", "x"])},
    )
    assert set(found) == {"a", "b", "c"}
    assert found["c"] == "without car; with sky"


def test_a_figure_that_only_one_server_could_give_differs_and_says_why():
    found = texts({"lidar": Figure(5)}, {"lidar": Figure.missing("not built yet")})
    assert found["lidar"] == "5, but nothing (not built yet)"
    assert texts({"lidar": Figure.missing("no")}, {"lidar": Figure.missing("not either")}) == {}
    assert texts({"a": Figure(1)}, {"b": Figure(1)}) == {
        "a": "only in the first report",
        "b": "only in the second report",
    }


def test_figures_of_the_machine_are_never_compared():
    assert texts({"rate": Figure.machine(1000.0, "1/s")}, {"rate": Figure.machine(1.0, "1/s")}) == {}


def test_map_figures_are_left_out_between_different_maps_and_the_reader_is_told():
    one, two = {"map/edges": Figure(3), "x": Figure(1)}, {"map/edges": Figure(4), "x": Figure(1)}
    different = compare(report(one, map_name="A"), report(two, map_name="B"))
    assert not different.differences
    assert different.compared == 1
    assert "the maps differ (A and B)" in different.notes[0]
    assert [d.figure_id for d in compare(report(one), report(two)).differences] == ["map/edges"]


def test_a_part_that_only_one_report_has_is_left_out_and_the_reader_is_told():
    outcome = compare(report({"x": Figure(1)}), report({"y": Figure(2)}, part="sensors"))
    assert not outcome.differences
    assert outcome.compared == 0
    assert "driving" in outcome.notes[0]
    assert "sensors" in outcome.notes[1]


def test_the_command_exits_with_1_and_names_each_figure_that_differs(tmp_path, capsys):
    reference = write(tmp_path / "a", report({"stop": Figure(40.0, "m", absolute=1.0), "same": Figure(1)}))
    other = write(tmp_path / "b", report({"stop": Figure(50.0, "m", absolute=1.0), "same": Figure(1)}))
    assert main(["conformance-diff", reference, other]) == 1
    shown = capsys.readouterr().out
    assert "stop: 40 m, but 50 m" in shown
    assert "1 of 2 figures differ" in shown
    assert main(["conformance-diff", reference, reference]) == 0


def test_what_is_not_a_report_is_refused_by_name(tmp_path, capsys):
    (tmp_path / "report.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="not a conformance report"):
        read_report(tmp_path)
    assert main(["conformance-diff", str(tmp_path / "absent.json"), str(tmp_path)]) == EXIT_FAILED
    assert "absent.json" in capsys.readouterr().err


def test_a_figure_survives_being_written_and_refuses_what_cannot_be_compared():
    figure = Figure.number(1.0 / 3.0, "s", relative=0.1)
    assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure
    assert Figure.number(float("nan"), "s").value is None
    with pytest.raises(ValueError, match="nan"):
        Figure(float("nan"))
    with pytest.raises(ValueError, match="reason"):
        Figure(None)
