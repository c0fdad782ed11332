"""`syndiff guard` on a folder and on a store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from augment.conditions import DOMINANT
from augment.synthesizers.check import drawn_scenes
from carla_agents.data import images
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.frame import Command, Control, Frame
from carla_server.semantics import SemanticTag
from syndiff.cli import main


def darker(rgb: np.ndarray) -> np.ndarray:
    return (rgb * 0.6 + 10).astype(np.uint8)


def with_shifted_paint(rgb: np.ndarray, seg: np.ndarray) -> np.ndarray:
    variant, paint = darker(rgb), seg == SemanticTag.ROAD_LINES
    variant[paint] = 60, 60, 64
    variant[np.roll(paint, 5, axis=1)] = 145, 145, 142
    return variant


def test_a_folder_of_anybodys_variants_gets_verdicts_a_table_and_a_page(tmp_path: Path, capsys):
    scenes, data = drawn_scenes(2, (256, 144), DOMINANT), tmp_path / "data"
    for folder in ("originals", "labels", "variants/dust-day"):
        (data / folder).mkdir(parents=True)
    for index, variant in enumerate((darker(scenes.rgb[0]), with_shifted_paint(scenes.rgb[1], scenes.seg[1]))):
        (data / "originals" / f"{index}.png").write_bytes(images.encode_rgb(scenes.rgb[index], "png"))
        (data / "labels" / f"{index}.png").write_bytes(images.encode_ids(scenes.seg[index]))
        (data / "variants" / "dust-day" / f"{index}.png").write_bytes(images.encode_rgb(variant, "png"))
    assert main(["guard", str(data), "--out", str(tmp_path / "out")]) == 3
    written = json.loads((tmp_path / "out" / "guard.json").read_text())
    first, second = written["verdicts"]
    assert (first["frame"], first["condition"], second["accepted"]) == ("0", "dust-day", False)
    assert "lane_shift_gain" in second["reason"]
    assert second["figures"]["lane_shift_gain"] > written["guard"]["limits"]["most_lane_shift_gain"]
    assert "lane_shift_gain" in (tmp_path / "out" / "guard.html").read_text()
    assert "dust-day" in capsys.readouterr().out


def test_variants_of_a_store_are_judged_with_flicker(tmp_path: Path):
    scene = drawn_scenes(1, (256, 144), DOMINANT)
    camera = {
        "width_px": 256,
        "height_px": 144,
        "fov_deg": 100.0,
        "position_in_ego_m": [1.3, 0.0, 1.7],
        "pitch_deg": 0.0,
    }
    with StoreWriter.open(tmp_path / "store") as store:
        store.begin_route("r0", metadata={"camera": camera})
        for number in range(2):
            frame = Frame(
                frame_id=number,
                elapsed_s=0.5 * number,
                rgb=scene.rgb[0],
                seg=scene.seg[0],
                depth_m=None if scene.depth_m is None else scene.depth_m[0],
                instance=None,
                speed_mps=0.0,
                ego_to_world=np.eye(4),
                command=Command.LANE_FOLLOW,
                target_point_in_ego_m=np.array([10.0, 0.0], np.float32),
                control=Control(),
                condition="clear-day",
            )
            key = store.append("r0", frame)
            variant = darker(scene.rgb[0]) // (1 + 2 * number)
            store.add_variant(key, "dust-day", 7, variant, {"synthesizer": "drawn-1"})
            store.add_variant(key, "dust-day", 8, variant, {"synthesizer": "painted-2"})
    main(["guard", str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--synthesizers", "drawn"])
    first, second = json.loads((tmp_path / "out" / "guard.json").read_text())["verdicts"]
    assert (first["synthesizer"], first["seed"]) == ("drawn-1", 7)
    assert "flicker" not in first["figures"]
    assert second["figures"]["flicker"] > 0.5


def test_a_synthesizer_that_made_nothing_there_is_an_error(tmp_path: Path, capsys):
    with StoreWriter.open(tmp_path / "store") as store:
        store.begin_route("r0")
    arguments = ["guard", str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--synthesizers", "drawn"]
    assert main(arguments) == 1
    assert "there are some by []" in capsys.readouterr().err.replace("\n", " ")


def test_what_cannot_be_judged_says_what_is_missing(tmp_path: Path, capsys):
    (tmp_path / "originals").mkdir()
    assert main(["guard", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "no folder labels/" in capsys.readouterr().err.replace("\n", " ")
