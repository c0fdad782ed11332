from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.layout import LayoutGroup, groups
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.embedded import EmbeddedSynthesizer
from augment.synthesizers.embedded_noise import NOISE_CHANNELS, draw_noise
from augment.synthesizers.embedded_step import EmbeddedStep, TorchStep
from augment.synthesizers.small_controlnet import (
    SIZES,
    SmallControlNet,
    SmallControlNetConfig,
    read_config,
    weather_vector,
    weights_hash,
)

FOG = Condition("fog", "day")
TINY = SmallControlNetConfig(channels=(16, 24), token_count=2, targets=(HELD_OUT.name, FOG.name))


@pytest.fixture
def network() -> SmallControlNet:
    """Not trained, but none of its layers is zero, as some are at the start of a training."""
    torch.manual_seed(0)
    network = SmallControlNet(TINY)
    for weight in network.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.05)
    return network.eval()


@pytest.fixture
def folder(network: SmallControlNet, tmp_path: Path) -> Path:
    network.save(tmp_path / "net")
    return tmp_path / "net"


def seeds(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint64)


def test_the_embedded_synthesizer_keeps_the_contract(folder: Path):
    check_synthesizer(
        EmbeddedSynthesizer.from_folder(folder), targets=[HELD_OUT, FOG], source=DOMINANT, size_px=(64, 32)
    )


def test_name_and_provenance_say_which_weights_and_which_back_end(folder: Path):
    synthesizer = EmbeddedSynthesizer.from_folder(folder)
    assert synthesizer.name == f"embedded-{weights_hash(folder)}-torch"
    assert synthesizer.provenance["weights"] == weights_hash(folder)
    assert synthesizer.provenance["runner"] == "torch"
    json.dumps(synthesizer.provenance)


def test_a_variant_depends_on_its_seed_and_on_nothing_beside_it(folder: Path, scenes: FrameBatch):
    synthesizer = EmbeddedSynthesizer.from_folder(folder)
    together = synthesizer(scenes, [HELD_OUT] * 4, seeds(4))
    alone = synthesizer(scenes.select([2]), [HELD_OUT], seeds(4)[2:3])
    assert np.array_equal(together[2], alone[0])
    other = synthesizer(scenes.select([2]), [HELD_OUT], np.array([99], np.uint64))
    assert not np.array_equal(other, alone)


def test_windows_are_lit_in_buildings_only(network: SmallControlNet, scenes: FrameBatch):
    rgb = torch.from_numpy(scenes.rgb).permute(0, 3, 1, 2).float() / 255.0
    kinds = torch.from_numpy(groups(scenes.seg)).long()
    weather = torch.from_numpy(np.stack([weather_vector(DOMINANT, HELD_OUT)] * 4))
    noise = torch.zeros(4, NOISE_CHANNELS, *scenes.seg.shape[1:])
    lit = noise.clone()
    lit[:, 2] = 1.0
    step, depth_m = EmbeddedStep(network).eval(), torch.full(scenes.seg.shape, 20.0)
    with torch.no_grad():
        dark, shown = (step(rgb, kinds, depth_m, weather, cells) for cells in (noise, lit))
    changed = (dark != shown).any(1)
    assert changed[kinds == LayoutGroup.BUILDING].any()
    assert not changed[kinds != LayoutGroup.BUILDING].any()


def test_batches_give_the_same_pictures_but_for_rounding(folder: Path, scenes: FrameBatch):
    single = EmbeddedSynthesizer.from_folder(folder)
    network = SmallControlNet.load(folder)
    batched = EmbeddedSynthesizer(network.config, TorchStep(EmbeddedStep(network)), "w", batch_size=3)
    targets = [HELD_OUT, FOG, HELD_OUT, FOG]
    apart = single(scenes, targets, seeds(4)).astype(int) - batched(scenes, targets, seeds(4))
    assert np.abs(apart).max() <= 1
    assert batched.provenance["batch_size"] == 3
    with pytest.raises(ValueError, match="batch_size is 0"):
        EmbeddedSynthesizer(network.config, TorchStep(EmbeddedStep(network)), "w", batch_size=0)


def test_frames_at_once_go_through_the_step_in_threads_and_come_back_in_order(folder: Path, scenes: FrameBatch):
    network = SmallControlNet.load(folder)
    meeting = Barrier(2)

    class Waiting(TorchStep):
        def __call__(self, *arrays: np.ndarray) -> np.ndarray:
            meeting.wait(timeout=60.0)  # broken unless two calls are under way
            return super().__call__(*arrays)

    synthesizer = EmbeddedSynthesizer(network.config, Waiting(EmbeddedStep(network)), "w", frames_at_once=2)
    found = synthesizer(scenes, [HELD_OUT] * 4, seeds(4))
    assert np.array_equal(found, EmbeddedSynthesizer.from_folder(folder)(scenes, [HELD_OUT] * 4, seeds(4)))
    with pytest.raises(ValueError, match="frames_at_once is 0"):
        EmbeddedSynthesizer(network.config, TorchStep(EmbeddedStep(network)), "w", frames_at_once=0)


def test_a_frame_without_depth_is_taken_and_depth_matters_where_it_is_known(folder: Path, scenes: FrameBatch):
    synthesizer = EmbeddedSynthesizer.from_folder(folder)
    unknown = replace(scenes, depth_m=None)
    variants = synthesizer(unknown, [FOG] * 4, seeds(4))
    assert variants.shape == scenes.rgb.shape
    assert not np.array_equal(variants, synthesizer(scenes, [FOG] * 4, seeds(4)))


@pytest.mark.parametrize(
    ("targets", "sources", "message"),
    [
        ([Condition("snow", "day")], (DOMINANT,), r"has not learned \['snow-day'\]; it knows"),
        ([HELD_OUT], (HELD_OUT,), "takes frames recorded in clear-day"),
        ([HELD_OUT, HELD_OUT], (DOMINANT,), "1 frames need as many targets"),
    ],
)
def test_conditions_it_cannot_serve_are_refused(
    folder: Path, targets: list[Condition], sources: tuple[Condition, ...], message: str
):
    frames = replace(drawn_scenes(1, (64, 32), DOMINANT), sources=sources)
    with pytest.raises(ValueError, match=message):
        EmbeddedSynthesizer.from_folder(folder)(frames, targets, seeds(1))


@pytest.mark.parametrize("size_px", [(60, 32), (64, 36)])
def test_sizes_it_cannot_take_are_refused(folder: Path, size_px: tuple[int, int]):
    frames = drawn_scenes(1, size_px, DOMINANT)
    with pytest.raises(ValueError, match="takes multiples of 8"):
        EmbeddedSynthesizer.from_folder(folder)(frames, [HELD_OUT], seeds(1))


def test_a_picture_that_is_not_finite_is_an_error_that_names_the_frame(network: SmallControlNet, scenes: FrameBatch):
    with torch.no_grad():
        network.unet.conv_out.displacement.bias[0] = float("nan")
    synthesizer = EmbeddedSynthesizer(network.config, TorchStep(EmbeddedStep(network)), None)
    with pytest.raises(ValueError, match=f"NaN or infinity for frame '{scenes.frame_keys[0]}'"):
        synthesizer(scenes, [HELD_OUT] * 4, seeds(4))


def test_depth_that_is_not_a_number_is_an_error_too(folder: Path, scenes: FrameBatch):
    assert scenes.depth_m is not None
    broken = scenes.depth_m.copy()
    broken[1] = np.nan
    with pytest.raises(ValueError, match=f"for frame '{scenes.frame_keys[1]}'"):
        EmbeddedSynthesizer.from_folder(folder)(replace(scenes, depth_m=broken), [FOG] * 4, seeds(4))


def test_saved_weights_are_half_precision_and_come_back(network: SmallControlNet, folder: Path):
    back = SmallControlNet.load(folder)
    assert back.config == TINY
    assert (folder / "model.safetensors").stat().st_size < 2.2 * network.parameter_count() + 100_000
    for name, tensor in back.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name].half().float())


@pytest.mark.parametrize("damage", ["truncated", "changed", "of another network"])
def test_weights_that_are_not_those_of_the_config_are_refused(folder: Path, damage: str):
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(
        {"truncated": data[: len(data) // 2], "changed": data[:-1] + b"\x01", "of another network": b""}[damage]
    )
    with pytest.raises(ValueError, match=r"SHA-256 .* fetch both files anew"):
        EmbeddedSynthesizer.from_folder(folder)


def test_a_pickle_is_not_read(folder: Path):
    (folder / "model.safetensors").unlink()
    (folder / "model.bin").write_bytes(pickle.dumps({"weights": 1}))
    with pytest.raises(ValueError, match="never from a pickle"):
        EmbeddedSynthesizer.from_folder(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "syndiff-small-controlnet-3"}, "train the network anew"),
        ({"channels": [12]}, "channels is"),
        ({"targets": ["hail-day"]}, "unknown condition hail-day"),
        ({"depth": 3}, "does not describe"),
    ],
)
def test_a_config_that_this_version_does_not_know_is_refused(folder: Path, change: dict[str, object], message: str):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=message):
        read_config(folder)


def test_noise_is_a_function_of_the_seed_in_zero_to_one():
    first, again, other = draw_noise(5, 48, 64), draw_noise(5, 48, 64), draw_noise(6, 48, 64)
    assert first.shape == (NOISE_CHANNELS, 48, 64)
    assert first.dtype == np.float32
    assert first.min() >= 0.0
    assert first.max() <= 1.0
    assert np.array_equal(first, again)
    for one, two in zip(first, other, strict=True):
        assert one.max() > 0.0
        assert not np.array_equal(one, two)


def test_noise_without_streaks_differs_in_nothing_else():
    drawn, dry = draw_noise(5, 48, 64), draw_noise(5, 48, 64, streaks=False)
    assert drawn[0].max() > 0.0
    assert dry[0].max() == 0.0
    assert np.array_equal(drawn[1:], dry[1:])


def test_both_sizes_have_the_parameters_they_promise():
    counts = [SmallControlNet(SmallControlNetConfig(SIZES[size])).parameter_count() for size in ("s", "m")]
    assert 3.4e6 < counts[0] < 3.6e6
    assert 11.5e6 < counts[1] < 12e6
