from __future__ import annotations

import json
from pathlib import Path

import pytest

from augment.audit import Audit, AuditConfig, AuditedPicture, AuditedSource, audit
from augment.picture_source import open_pictures
from augment.plan import Plan, PlanConfig, make_plan, progress, read_plan
from augment.source_choice import choose_sources, class_weights
from augment.synthesize import LocalEngine, synthesize
from augment.synthesizers.procedural import ProceduralSynthesizer
from augment.target_shares import allocate, normalised_shares, tempered_shares, uniform_shares
from augment.variant_maker import VariantMaker
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter

NAMES = ("clear-day", "rain-night", "fog-day")


def never() -> None:
    raise AssertionError("recorded conditions need no classifier")


def audit_of(*roots: Path) -> Audit:
    return audit([open_pictures(root) for root in roots], AuditConfig(), never)  # type: ignore[arg-type]


def plan_of(root: Path, seed: int = 0, **config) -> Plan:
    wanted = PlanConfig(conditions=NAMES, seed=seed, **(config or {"count": 6}))
    return make_plan(audit_of(root), uniform_shares(NAMES), wanted, "uniform")


def test_conditions_are_filled_up_to_one_level_and_the_sum_is_exact():
    real = {"clear-day": 90, "rain-night": 10, "fog-day": 0}
    third = uniform_shares(NAMES)
    assert allocate(5, real, third, NAMES[1:]) == {"rain-night": 0, "fog-day": 5}
    assert allocate(30, real, third, NAMES[1:]) == {"rain-night": 10, "fog-day": 20}
    for count in range(60):
        assert sum(allocate(count, real, third, NAMES[1:]).values()) == count


def test_a_target_by_weights_is_reached_where_the_count_allows_it():
    real = {"clear-day": 50, "rain-night": 0, "fog-day": 0}
    shares = normalised_shares({"clear-day": 1, "rain-night": 2, "fog-day": 1}, NAMES)
    counts = allocate(150, real, shares, NAMES[1:])
    assert counts == {"rain-night": 100, "fog-day": 50}


def test_temperature_leads_from_what_is_there_to_the_target():
    real = {"clear-day": 80, "rain-night": 20, "fog-day": 0}
    third = uniform_shares(NAMES)
    assert tempered_shares(real, third, 0.0) == {"clear-day": 0.8, "rain-night": 0.2, "fog-day": 0.0}
    assert tempered_shares(real, third, 1.0) == third
    halfway = tempered_shares(real, third, 0.5)
    assert 0.0 < halfway["fog-day"] < third["fog-day"]
    assert sum(halfway.values()) == pytest.approx(1.0)


def test_shares_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="hail-noon"):
        normalised_shares({"hail-noon": 1.0}, NAMES)
    with pytest.raises(ValueError, match="0 or more"):
        normalised_shares({"fog-day": -1.0}, NAMES)
    with pytest.raises(ValueError, match="temperature is 2"):
        tempered_shares({}, uniform_shares(NAMES), 2.0)
    with pytest.raises(ValueError, match="no share"):
        allocate(5, {}, {"clear-day": 1.0}, ["fog-day"])


def rows(count: int) -> list[AuditedPicture]:
    """Pictures with cars; every 20th also shows a bicycle."""
    classes = [("roads", "car", "bicycle") if i % 20 == 0 else ("roads", "car") for i in range(count)]
    return [
        AuditedPicture(0, f"r0/{i:06d}", "train", "clear-day", "recorded", None, classes[i]) for i in range(count)
    ]


def test_frames_with_rare_things_are_preferred_and_the_choice_is_a_function_of_the_seed():
    pictures = rows(400)
    weights = class_weights(pictures)
    chosen = choose_sources(pictures, weights, 60, "fog-day", 1)
    assert chosen == choose_sources(pictures, weights, 60, "fog-day", 1)
    assert chosen != choose_sources(pictures, weights, 60, "fog-day", 2)
    assert {number for _, number in chosen} == {0}
    assert len({index for index, _ in chosen}) == 60, "nobody has a second turn before everybody had one"
    with_bicycle = sum("bicycle" in (pictures[index].classes or ()) for index, _ in chosen)
    assert with_bicycle >= 10, "20 of 400 have one; 3 of 60 would by chance"
    alike = sum(i % 20 == 0 for i, _ in choose_sources(pictures, [1.0] * 400, 60, "fog-day", 1))
    assert alike < with_bicycle


def test_more_variants_than_frames_give_everybody_further_turns():
    pictures = rows(5)
    chosen = choose_sources(pictures, class_weights(pictures), 12, "fog-day", 0)
    assert sorted(number for _, number in chosen) == [0] * 5 + [1] * 5 + [2] * 2
    assert len(set(chosen)) == 12


def test_a_plan_survives_its_file_and_is_the_same_for_the_same_seed(tmp_path: Path, drawn_store):
    root = drawn_store(tmp_path / "s", 4)
    plan = plan_of(root, count=6)
    plan.write(tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan
    assert plan_of(root, count=6) == plan
    assert plan_of(root, seed=1, count=6).digest() != plan.digest()
    assert plan.counts() == {"clear-day": 0, "rain-night": 3, "fog-day": 3}
    assert len({task.seed for task in plan.tasks(0)}) == 6


def test_count_by_ratio_counts_the_recorded_pictures(tmp_path: Path, drawn_store):
    assert len(plan_of(drawn_store(tmp_path / "s", 4), ratio=2.5).variants) == 10


def test_a_plan_is_executed_and_checked_off(tmp_path: Path, drawn_store):
    root = drawn_store(tmp_path / "s", 4)
    plan = plan_of(root, count=6)
    with StoreWriter.open(root) as store:
        engine = LocalEngine(VariantMaker(ProceduralSynthesizer()), store)
        tasks = plan.tasks(0)
        assert progress(tasks, store, [ProceduralSynthesizer().name], 1).made == {}
        synthesize(store, store, tasks[:2], engine)
        assert sum(progress(tasks, store, [ProceduralSynthesizer().name], 1).made.values()) == 2
        assert synthesize(store, store, tasks, engine).kept == 2
        done = progress(tasks, store, [ProceduralSynthesizer().name], 1)
    assert done.made == done.planned == {"rain-night": 3, "fog-day": 3}
    assert plan.open_store(0).variants()[0].provenance["source"] == "clear-day"


def test_a_store_whose_planned_frames_changed_is_refused_and_one_that_has_grown_is_not(tmp_path: Path, drawn_store):
    root = drawn_store(tmp_path / "s", 4)
    plan = plan_of(root, count=6)
    drawn_store(root, 2, route="r1")
    assert plan.open_store(0).root == root
    with pytest.raises(ValueError, match="not those of the plan"):
        plan.open_store(0, drawn_store(tmp_path / "other", 4, "fog-day"))
    with pytest.raises(ValueError, match="no frame"):
        plan.open_store(0, drawn_store(tmp_path / "short", 1))


def test_conditions_that_an_audit_found_out_are_the_source_of_the_variants(tmp_path: Path, drawn_store):
    root = drawn_store(tmp_path / "s", 4, "unknown")
    found = audit_of(drawn_store(tmp_path / "twin", 4)).pictures
    sources = (AuditedSource(str(root), "store", "0"),)
    judged = Audit(sources, found, {"name": "somebody"}, AuditConfig())
    plan = make_plan(judged, uniform_shares(NAMES), PlanConfig(count=2, conditions=NAMES))
    with StoreWriter.open(root) as store:
        report = synthesize(store, store, plan.tasks(0), LocalEngine(VariantMaker(ProceduralSynthesizer()), store))
    assert report.made == 2
    assert {v.provenance["source"] for v in Store.read(root).variants()} == {"clear-day"}


def test_plans_without_anything_to_start_from_are_refused(tmp_path: Path, drawn_store):
    audited = audit_of(drawn_store(tmp_path / "s", 2, "fog-day"))
    with pytest.raises(ValueError, match="shows clear-day"):
        make_plan(audited, uniform_shares(NAMES), PlanConfig(count=2, conditions=NAMES))
    unlabelled = audit_of(drawn_store(tmp_path / "u", 2, seg=False))
    with pytest.raises(ValueError, match="no labels"):
        make_plan(unlabelled, uniform_shares(NAMES), PlanConfig(count=2, conditions=NAMES))
    with pytest.raises(ValueError, match="exactly one"):
        PlanConfig()
    with pytest.raises(ValueError, match="exactly one"):
        PlanConfig(count=3, ratio=1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 7},
        {"variants": [[0, "r0/000000", "hail-noon", 0]]},
        {"variants": [[3, "r0/000000", "fog-day", 0]]},
        {"variants": [[0, "r0/000000", "fog-day", 0]] * 2},
    ],
)
def test_files_that_are_no_plan_are_refused(tmp_path: Path, drawn_store, change):
    path = tmp_path / "plan.json"
    plan_of(drawn_store(tmp_path / "s", 4), count=6).write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match="syndiff plan"):
        read_plan(path)
