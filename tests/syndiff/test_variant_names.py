from __future__ import annotations

from pathlib import Path

import pytest

from syndiff.cli import main
from syndiff.variant_names import named_synthesizers
from tests.augment.quality.conftest import fill


def test_the_beginning_of_a_name_stands_for_it_up_to_a_dash(tmp_path: Path):
    store = fill(tmp_path / "store", 2, makers=("good-1", "good-2", "goodish-1"))
    assert named_synthesizers([store], ["good"]) == ("good-1", "good-2")
    assert named_synthesizers([store], ["good-2", "goodish"]) == ("good-2", "goodish-1")
    assert named_synthesizers([store], []) == ()
    with pytest.raises(ValueError, match="goodish-1"):
        named_synthesizers([store], ["goo"])


def test_a_segmenter_learns_from_the_named_variants_alone(tmp_path: Path, capsys):
    fill(tmp_path / "store", 4)
    arguments = ["--data", str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--synthesizers", "moved"]
    assert (
        main(["train-seg", *arguments, "--split", "val", "--steps", "1", "--batch-size", "2", "--threads", "1"]) == 0
    )
    told = capsys.readouterr().out
    assert "moved" in told
    assert "relight" not in told
    assert "good" not in told
