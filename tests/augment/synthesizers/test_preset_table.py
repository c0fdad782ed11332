from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from augment.conditions import DOMINANT
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.preset_controls import FAR_M, NEAR_M, control_image, inverse_depth_grey
from augment.synthesizers.preset_weights import download_commands, locate_parts
from augment.synthesizers.presets import PRESETS, preset_named, tuned


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_passes_its_own_checks_and_says_what_to_download_for_each_control(name: str, tmp_path: Path):
    preset = PRESETS[name]
    assert tuned(preset) == preset
    for kind in preset.controls:
        commands = download_commands(tuned(preset, controls=(kind,)), (kind,), tmp_path)
        assert any("ontrol" in command for command in commands)
        assert all(command.startswith("hf download ") and str(tmp_path) in command for command in commands)


def test_missing_weights_are_named_with_the_command_that_gets_them(tmp_path: Path):
    preset = PRESETS["syndiff"]
    with pytest.raises(ValueError, match="hf download stable-diffusion-v1-5/stable-diffusion-v1-5"):
        locate_parts(preset, ("seg",), tmp_path / "absent")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "unet.safetensors").touch()
    with pytest.raises(
        ValueError, match=r"needs 'controlnet-seg'.*nothing is downloaded(.|\n)*control_v11p_sd15_seg"
    ):
        locate_parts(preset, ("seg",), tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path):
    for part in ("base", "controlnet-seg"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match=r"diffusion_pytorch_model\.bin.*refused"):
        locate_parts(PRESETS["syndiff"], ("seg",), tmp_path)


def test_a_part_may_be_replaced_but_only_one_that_the_preset_has(tmp_path: Path):
    own = tmp_path / "own"
    for folder in (tmp_path / "base", own):
        folder.mkdir()
        (folder / "w.safetensors").touch()
    found = locate_parts(PRESETS["syndiff"], ("seg",), tmp_path, {"controlnet-seg": own})
    assert found == {"base": tmp_path / "base", "controlnet-seg": own}
    with pytest.raises(ValueError, match="no part"):
        locate_parts(PRESETS["syndiff"], ("seg",), tmp_path, {"controlnet-edge": own})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"controls": ("edge",)}, r"edge.*syndiff takes one or more of \('seg', 'depth'\)"),
        ({"controls": ()}, "takes one or more"),
        ({"steps": 0}, "steps is 0"),
        ({"strength": 1.5}, "strength is 1.5"),
        ({"strength": 0.01}, "leave none"),
        ({"guidance_scale": -1.0}, "guidance_scale is -1"),
        ({"control_scale": 3.0}, "control_scale is 3"),
        ({"working_height_px": 510}, "multiples of 8"),
        ({"working_height_px": 0}, "working_height_px is 0"),
    ],
)
def test_values_out_of_range_are_named(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        tuned(PRESETS["syndiff"], **change)


def test_one_control_only_where_the_pipeline_takes_one_and_no_source_where_it_takes_none():
    with pytest.raises(ValueError, match="zimage takes one of"):
        tuned(PRESETS["zimage"], controls=("depth", "edge"))
    with pytest.raises(ValueError, match="starts from noise"):
        tuned(PRESETS["cosmos"], strength=0.5)
    with pytest.raises(ValueError, match="unknown preset 'sd9'"):
        preset_named("sd9")


def test_depth_controls_are_white_near_black_far_and_never_stretched():
    grey = inverse_depth_grey(np.array([[0.5, NEAR_M, 2 * NEAR_M, FAR_M, np.inf, np.nan]], np.float32))
    assert grey[0].tolist() == [255, 255, 126, 0, 0, 0]


def test_control_pictures_come_from_labels_depth_and_picture():
    frames = drawn_scenes(1, (64, 32), DOMINANT)
    pictures = {kind: control_image(frames, 0, kind) for kind in ("seg", "depth", "edge")}
    assert all(p.shape == (32, 64, 3) and p.dtype == np.uint8 for p in pictures.values())
    assert set(np.unique(pictures["edge"])) == {0, 255}
    without = type(frames)(frames.rgb, frames.seg, None, frames.sources, frames.frame_keys)
    with pytest.raises(ValueError, match="needs depth_m"):
        control_image(without, 0, "depth")
