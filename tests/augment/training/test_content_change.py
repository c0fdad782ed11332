from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.guards.content import KINDS, ContentChange
from augment.seeds import generator
from augment.synthesizers.check import drawn_scenes
from augment.training.content_change import DEEDS, ContentTrainingConfig, train_content_change
from augment.training.content_corruptions import corrupt, cut_out, degrade, things
from carla_agents.data.records import StoredFrame
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.data.true_variants import RELIGHT, TRUE_SEED
from carla_agents.simulator.frame import Command, Control, Frame
from carla_server.semantics import SemanticTag

QUICK = ContentTrainingConfig(steps=3, batch_size=2, crop_px=(64, 48), moments=4)


def record(root: Path, variants: bool = True) -> Store:
    scenes = drawn_scenes(3, (160, 96), DOMINANT)
    with StoreWriter.open(root) as store:
        store.begin_route("r0")
        for index in range(3):
            key = store.append(
                "r0",
                Frame(
                    frame_id=index,
                    elapsed_s=0.5 * index,
                    rgb=scenes.rgb[index],
                    seg=scenes.seg[index],
                    depth_m=None,
                    instance=None,
                    speed_mps=0.0,
                    ego_to_world=np.eye(4),
                    command=Command.LANE_FOLLOW,
                    target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                    control=Control(),
                    condition="clear-day",
                ),
            )
            if variants:
                store.add_variant(key, "clear-night", TRUE_SEED, scenes.rgb[index] // 4, {"synthesizer": RELIGHT})
    return Store.read(root)


def test_the_same_configuration_trains_the_same_network_and_it_survives_saving(tmp_path: Path):
    store = record(tmp_path / "store")
    first, record_of_first = train_content_change([store], QUICK)
    second, _ = train_content_change([store], QUICK)
    frame = store.frames()[0]
    picture, seg = frame.load_rgb(), frame.load_seg()
    figures = first.figures(picture, seg, picture // 2)
    assert figures == second.figures(picture, seg, picture // 2)
    assert set(figures) == {f"changed:{kind}" for kind in KINDS}
    first.save(tmp_path / "net", record_of_first)
    loaded = ContentChange.load(tmp_path / "net")
    assert loaded.figures(picture, seg, picture // 2) == pytest.approx(figures, abs=0.02)
    assert loaded.cells(picture, seg, picture).shape == (3, 24, 40)
    # Every column twice, so that the columns that set the tone are the same ones in the mirror.
    coarse, labels = picture[:, ::2].repeat(2, axis=1), seg[:, ::2].repeat(2, axis=1)
    mirrored = loaded.cells(coarse[:, ::-1], labels[:, ::-1], coarse[:, ::-1] // 2)
    assert mirrored[..., ::-1] == pytest.approx(loaded.cells(coarse, labels, coarse // 2), abs=1e-3)
    path = tmp_path / "net" / "config.json"
    config = json.loads(path.read_text())
    assert config["pairs"] == 3
    path.write_text(json.dumps(config | {"widths": [48, 64]}))
    with pytest.raises(ValueError, match="expected three; train it anew"):
        ContentChange.load(tmp_path / "net")
    path.write_text(json.dumps(config))
    (tmp_path / "net" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ValueError, match="fetch both anew"):
        ContentChange.load(tmp_path / "net")
    with pytest.raises(ValueError, match="cannot be read"):
        ContentChange.load(tmp_path / "absent")


def test_what_a_synthesizer_makes_counts_as_unchanged(tmp_path: Path):
    store, asked = record(tmp_path / "store"), []

    def repaint(frame: StoredFrame, condition: str) -> np.ndarray:
        asked.append((frame.key, condition))
        return frame.load_rgb() // 3

    _, record_of_run = train_content_change([store], replace(QUICK, repainted=2), repaint=repaint)
    assert [condition for _, condition in asked] == ["clear-night"] * 2
    assert record_of_run["pairs"] == 5
    for config, made_by in ((QUICK, repaint), (replace(QUICK, repainted=2), None)):
        with pytest.raises(ValueError, match="give both or neither"):
            train_content_change([store], config, repaint=made_by)


def test_training_goes_on_from_given_weights(tmp_path: Path):
    store = record(tmp_path / "store")
    first, record_of_first = train_content_change([store], QUICK)
    first.save(tmp_path / "net", record_of_first)
    assert record_of_first["started_from"] is None
    start = ContentChange.load(tmp_path / "net")
    before = {name: value.clone() for name, value in start.network.named_parameters()}
    calm = replace(QUICK, steps=1, learning_rate=1e-5)
    further, record_of_further = train_content_change([store], calm, start=start)
    assert record_of_further["started_from"] == first.weights_sha256
    for name, value in further.network.named_parameters():
        assert (value - before[name]).abs().max() < 1e-3


def test_stores_without_true_variants_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="record with --pairs"):
        train_content_change([record(tmp_path / "store", variants=False)], QUICK)
    with pytest.raises(ValueError, match="multiples of 8"):
        ContentTrainingConfig(crop_px=(100, 96))


@pytest.mark.parametrize("deed", sorted(set(DEEDS)))
def test_a_corruption_changes_the_picture_where_it_says(deed: str):
    scene = drawn_scenes(1, (160, 96), DOMINANT)
    rgb, seg = scene.rgb[0], scene.seg[0].copy()
    seg[50:62, 20:26] = SemanticTag.PEDESTRIANS
    rgb[50:62, 20:26] = 20, 40, 160
    cutouts = [cut_out(rgb, mask, kind) for kind in ("vehicle", "person") for mask in things(seg, kind)]
    assert {cutout.kind for cutout in cutouts} == {"vehicle", "person"}
    rng = generator("corruption", deed)
    made = [bad for bad in (corrupt(rng, rgb, seg, cutouts, deed) for _ in range(8)) if bad is not None]
    assert made
    for bad in made:
        kind = KINDS.index(deed.partition(":")[2])
        assert bad.changed[kind].sum() > 20
        assert not bad.changed[np.arange(3) != kind].any()
        difference = np.abs(bad.rgb.astype(int) - rgb).max(2)
        assert difference[bad.changed[kind]].mean() > 10.0
        assert difference[~(bad.changed[kind] | bad.unsure)].max() <= 6
    assert degrade(rng, rgb, rgb).shape == rgb.shape
