"""Names of synthesizers in the loop, and the shipped network in it."""

import numpy as np
import pytest
import torch

from augment.conditions import DOMINANT, HELD_OUT
from augment.online.augmenter import OnlineAugmenter
from augment.online.choice import make_online_synthesizer
from augment.online.schedule import Schedule
from augment.synthesizers.check import drawn_scenes
from augment.synthesizers.embedded import EMBEDDED_NAMES, EmbeddedSynthesizer, default_embedded_folder
from augment.synthesizers.small_controlnet import read_config
from augment.synthesizers.translator import TranslatorSynthesizer
from tests.augment.export.tiny_models import write_translator


@pytest.fixture(autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", EMBEDDED_NAMES)
def test_a_shipped_network_makes_in_the_loop_what_it_makes_offline(name):
    augmenter = OnlineAugmenter(make_online_synthesizer(name, "torch", threads=1), Schedule((HELD_OUT.name,)))
    augmenter.reset(5)
    frames = drawn_scenes(1, (160, 96), DOMINANT)
    (shown,), (account,) = augmenter(frames)
    assert account.outcome == "fresh"
    offline = EmbeddedSynthesizer.from_folder(default_embedded_folder(name))
    (wanted,) = offline(frames, [HELD_OUT], np.array([account.seed], np.uint64))
    assert (np.abs(shown.astype(int) - wanted) <= 1).mean() > 0.999


def test_a_translator_in_the_loop_makes_what_it_makes_offline(tmp_path):
    folder = write_translator(tmp_path)
    made = make_online_synthesizer("translator", "torch", folder, threads=1)
    augmenter = OnlineAugmenter(made, Schedule((HELD_OUT.name,)))
    augmenter.reset(5)
    frames = drawn_scenes(1, (64, 32), DOMINANT)
    (shown,), (account,) = augmenter(frames)
    (wanted,) = TranslatorSynthesizer.from_folder(folder)(frames, [HELD_OUT], np.array([account.seed], np.uint64))
    np.testing.assert_array_equal(shown, wanted)
    assert (shown != frames.rgb[0]).mean() > 0.5


def test_names_and_options_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="allowed procedural, embedded, embedded-m, translator, relight"):
        make_online_synthesizer("magic")
    with pytest.raises(ValueError, match="weights are for synthesizer='embedded' or"):
        make_online_synthesizer("procedural", weights="folder")
    with pytest.raises(ValueError, match="'translator' needs weights"):
        make_online_synthesizer("translator")
    with pytest.raises(ValueError, match="'embedded-m' is a shipped network; to run folder take 'embedded'"):
        make_online_synthesizer("embedded-m", weights="folder")
    with pytest.raises(ValueError, match="AugmentObservation"):
        make_online_synthesizer("relight")


def test_the_larger_shipped_network_has_more_channels_and_the_same_conditions():
    small, large = (read_config(default_embedded_folder(name)) for name in EMBEDDED_NAMES)
    assert all(more > less for more, less in zip(large.channels, small.channels, strict=True))
    assert large.targets == small.targets
