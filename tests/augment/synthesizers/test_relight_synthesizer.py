"""The simulator's own answer keeps the synthesizers' contract, in the loop and from a store."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

import carla_agents  # noqa: F401 - registers the environment
from augment.conditions import DOMINANT, HELD_OUT, Condition
from augment.online.relight_observation import RelightObservation
from augment.synthesizers.base import FrameBatch
from augment.synthesizers.check import check_synthesizer, drawn_scenes
from augment.synthesizers.relight import LiveTruth, RelightSynthesizer, StoredTruth, live_frame_key
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.simulator.errors import ExtensionMissing, SimulatorError
from carla_agents.simulator.frame import Command, Control, Frame
from carla_agents.simulator.relighter import Relighter
from carla_agents.simulator.session import Session, SimulatorConfig

FOG = Condition("fog", "day")


@pytest.fixture
def drawn_store(tmp_path):
    """The drawn scenes of `check_synthesizer` as recorded frames with true variants."""
    scenes = drawn_scenes(3, (160, 96), DOMINANT)
    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("drawn")
        for number, (rgb, seg) in enumerate(zip(scenes.rgb, scenes.seg)):
            frame = Frame(
                frame_id=number,
                elapsed_s=0.1 * number,
                rgb=rgb,
                seg=seg,
                depth_m=None,
                instance=None,
                speed_mps=0.0,
                ego_to_world=np.eye(4),
                command=Command.STRAIGHT,
                target_point_in_ego_m=np.zeros(2, np.float32),
                control=Control(),
                condition=DOMINANT.name,
            )
            key = store.append("drawn", frame)
            for condition, made_by, picture in ((HELD_OUT, "relight", rgb // 4), (FOG, "replay", 128 + rgb // 2)):
                store.add_variant(key, condition.name, 0, picture, {"synthesizer": made_by})
        store.finish_route("drawn")
    return Store.read(tmp_path / "s")


def test_stored_true_variants_keep_the_contract(drawn_store):
    synthesizer = RelightSynthesizer(StoredTruth(drawn_store))
    check_synthesizer(synthesizer, targets=[HELD_OUT, FOG], source=DOMINANT)
    frames = drawn_scenes(3, (160, 96), DOMINANT)
    np.testing.assert_array_equal(synthesizer(frames, [HELD_OUT] * 3, np.zeros(3, np.uint64)), frames.rgb // 4)
    np.testing.assert_array_equal(synthesizer(frames, [DOMINANT] * 3, np.zeros(3, np.uint64)), frames.rgb)


def test_what_no_simulator_has_answered_is_refused_with_the_way_to_get_it(drawn_store):
    synthesizer = RelightSynthesizer(StoredTruth(drawn_store))
    frames = drawn_scenes(1, (160, 96), DOMINANT)
    with pytest.raises(ValueError, match=r"no true clear-night variant of frame drawn/000000: record with `--pairs"):
        synthesizer(frames, [Condition("clear", "night")], np.zeros(1, np.uint64))
    with pytest.raises(ValueError, match="has no frame 'other/000000'"):
        synthesizer(replace(frames, frame_keys=("other/000000",)), [FOG], np.zeros(1, np.uint64))


def _env(**arguments):
    chosen = {"width_px": 80, "height_px": 45, "seg": True, "traffic_vehicles": 3, "action_type": "control"}
    env = gymnasium.make("carla_agents:Drive-v0", disable_env_checker=True, **{**chosen, **arguments})
    return env


def test_a_policy_sees_true_weather_in_the_loop_and_the_drive_stays_the_same():
    gas = np.array([0.0, 0.6, 0.0], np.float32)
    with RelightObservation(_env(), (HELD_OUT,)) as env:
        shown, info = env.reset(seed=5)
        labels, dark = [shown["seg"]], [shown["rgb"]]
        assert info["condition"] == "rain-night"
        assert not np.array_equal(shown["rgb"], info["frame"].rgb)
        for _ in range(6):
            shown, _, _, _, info = env.step(gas)
            labels.append(shown["seg"])
            dark.append(shown["rgb"])
        drive, frame = env.unwrapped, info["frame"]
        with Relighter(drive.session) as relighter:
            truth = LiveTruth(relighter, drive.camera_id, drive.camera_size_px, drive.vehicle_ids)
            synthesizer = RelightSynthesizer(truth)
            batch = FrameBatch(
                np.stack([frame.rgb] * 2),
                np.stack([frame.seg] * 2),
                None,
                (DOMINANT,) * 2,
                (live_frame_key(frame.frame_id),) * 2,
            )
            made = synthesizer(batch, [HELD_OUT, FOG], np.zeros(2, np.uint64))
            np.testing.assert_array_equal(made[0], shown["rgb"])
            late = replace(batch, frame_keys=(live_frame_key(frame.frame_id - 1),) * 2)
            with pytest.raises(SimulatorError, match="has sent no picture of frame"):
                synthesizer(late, [HELD_OUT, FOG], np.zeros(2, np.uint64))
            with pytest.raises(ValueError, match="none of the running simulator"):
                synthesizer(replace(batch, frame_keys=("r/000001",) * 2), [FOG, FOG], np.zeros(2, np.uint64))
        # The same episode driven in the clear: equal labels at every step.
        env.env.reset(seed=5)
        clear = [env.env.step(gas)[0] for _ in range(6)]
        for seen, wanted in zip(clear, labels[1:], strict=True):
            np.testing.assert_array_equal(seen["seg"], wanted)
        assert np.mean(dark[-1]) < 0.9 * np.mean(clear[-1]["rgb"])


def test_wrong_wrappings_are_refused():
    with pytest.raises(ValueError, match="conditions is empty"):
        RelightObservation(_env(), ())
    with pytest.raises(ValueError, match="no carla_agents:Drive-v0 with rgb=True"):
        RelightObservation(_env(rgb=False), (FOG,))


def test_a_plain_server_is_said_to_be_one_at_the_first_reset():
    with Session.embedded(SimulatorConfig(extensions=False)) as plain:
        env = RelightObservation(_env(port=plain.config.port, traffic_vehicles=0), (FOG,))
        with pytest.raises(ExtensionMissing, match="a plain CARLA"):
            env.reset(seed=1)
        env.close()
