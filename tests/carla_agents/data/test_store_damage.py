"""Damaged, hostile and foreign stores are refused with a reason; torn tails are repaired."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_agents.data import images
from carla_agents.data.check import check_store
from carla_agents.data.errors import StoreError
from carla_agents.data.index import pack_record, read_index, unpack_record
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreConfig, StoreWriter


@pytest.fixture
def root(tmp_path, frame):
    root = tmp_path / "store"
    with StoreWriter.open(root) as store:
        store.begin_route("r")
        for number in range(3):
            store.append("r", frame(number))
        store.finish_route("r")
    return root


def _rewrite(root, change):
    """Change the index's records, with right framing."""
    records, _, _ = read_index(root / "index.log")
    (root / "index.log").write_bytes(b"".join(pack_record(r) for r in change(records)))


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_ignored_by_readers_and_cut_by_the_next_writer(root, cut):
    index = root / "index.log"
    whole = index.read_bytes()
    torn = pack_record({"kind": "route", "route": "next", "split": "train", "metadata": {}})[:-cut]
    index.write_bytes(whole + torn)
    assert len(Store.read(root).frames()) == 3
    assert index.read_bytes() == whole + torn
    with StoreWriter.open(root) as store:
        assert store.repaired_bytes == len(torn)
    assert index.read_bytes() == whole


def test_damage_in_the_middle_of_the_index_is_not_silently_cut(root):
    index = root / "index.log"
    data = bytearray(index.read_bytes())
    data[60] ^= 1
    index.write_bytes(data)
    for opened in (Store.read, StoreWriter.open):
        with pytest.raises(StoreError, match="damaged at byte"):
            opened(root)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2**32 - 1))
def test_no_bytes_pass_as_a_record_unless_length_and_crc_agree(body, crc):
    assert unpack_record(b"%08x %08x %s\n" % (len(body), crc ^ (zlib.crc32(body) == crc), body)) is None
    record = {"kind": "x", "text": body.hex()}
    line = pack_record(record)
    assert unpack_record(line) == record
    assert unpack_record(line[:-2] + line[-1:]) is None


def test_a_changed_picture_is_named_by_load_verify_and_check(root):
    picture = root / "routes/r/frames/000001.rgb.png"
    data = bytearray(picture.read_bytes())
    data[-30] ^= 255
    picture.write_bytes(data)
    store = Store.read(root)
    with pytest.raises(StoreError, match=r"000001\.rgb\.png.*CRC"):
        store.frame("r/000001").load()
    assert len(store.verify()) == 1
    with pytest.raises(StoreError, match="1 fault"):
        check_store(root)


def test_a_missing_picture_is_named(root):
    (root / "routes/r/frames/000002.seg.png").unlink()
    assert "000002.seg.png" in Store.read(root).verify()[0]


def test_a_stray_file_is_named_by_the_checker(root):
    (root / "routes/r/frames/000009.rgb.png").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"000009\.rgb\.png is in no index line"):
        check_store(root)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "routes/r/frames/../../../../x.png",
        "/etc/passwd",
        "routes/other/frames/0.png",
        "routes/r/frames/..",
    ],
)
def test_an_index_that_points_outside_its_route_is_refused(root, name):
    def point_away(records):
        records[1]["files"]["rgb"][0] = name
        return records

    _rewrite(root, point_away)
    with pytest.raises(StoreError, match="file"):
        Store.read(root)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r[1].update(kind="mystery"),
        lambda r: r[1].pop("speed_mps"),
        lambda r: r[1].update(command=99),
        lambda r: r[1].update(key="r/1"),
        lambda r: r[1].update(ego_to_world=[1.0]),
        lambda r: r[1].update(files=[]),
        lambda r: r[1].update(key="unknown/000000"),
        lambda r: r[2].update(key="r/000005"),
    ],
)
def test_records_this_version_cannot_read_are_refused_with_their_text(root, change):
    def changed(records):
        change(records)
        return records

    _rewrite(root, changed)
    with pytest.raises(StoreError, match="cannot read"):
        Store.read(root)


def test_pictures_behind_symbolic_links_are_refused(root, tmp_path):
    frames = root / "routes/r/frames"
    frames.rename(tmp_path / "elsewhere")
    frames.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        Store.read(root).frame("r/000000").load()


def test_a_picture_that_is_a_symbolic_link_is_refused(root, tmp_path):
    picture = root / "routes/r/frames/000000.rgb.png"
    picture.rename(tmp_path / "away.png")
    picture.symlink_to(tmp_path / "away.png")
    with pytest.raises(StoreError, match="symbolic link"):
        Store.read(root).frame("r/000000").load()


def test_a_bomb_picture_is_refused_before_it_is_decoded(root):
    picture = root / "routes/r/frames/000000.rgb.png"
    data = bytearray(picture.read_bytes())
    data[16:24] = struct.pack(">II", 60000, 60000)
    picture.write_bytes(data)

    def believe(records):
        records[1]["files"]["rgb"][2] = zlib.crc32(bytes(data))
        records[1]["size_px"] = [60000, 60000]
        return records

    _rewrite(root, believe)
    with pytest.raises(StoreError, match="at most 8192"):
        Store.read(root).frame("r/000000").load_rgb()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_pictures_raise_only_store_errors(data):
    rgb = np.random.default_rng(0).integers(0, 256, (18, 32, 3), np.uint8)
    codec = data.draw(st.sampled_from(["png", "jpeg"]))
    picture = bytearray(images.encode_rgb(rgb, codec))
    for _ in range(data.draw(st.integers(1, 4))):
        picture[data.draw(st.integers(0, len(picture) - 1))] = data.draw(st.integers(0, 255))
    del picture[data.draw(st.integers(0, len(picture))) :]
    try:
        decoded = images.decode_rgb(bytes(picture), "mutated", (32, 18))
    except StoreError:
        return
    assert decoded.shape == (18, 32, 3)


def test_labels_beyond_the_class_table_are_named(tmp_path, frame):
    with StoreWriter.open(tmp_path / "s") as store:
        store.begin_route("r")
        bad = frame(0)
        bad.seg[0, 0] = 29
        store.append("r", bad)
        store.finish_route("r")
    with pytest.raises(StoreError, match="seg holds id 29"):
        check_store(tmp_path / "s")


def test_folders_that_are_not_stores_are_left_alone(tmp_path):
    with pytest.raises(StoreError, match="not a store"):
        Store.read(tmp_path)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        StoreWriter.open(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_newer_format_and_another_codec_are_refused(root):
    with pytest.raises(StoreError, match="not jpeg"):
        StoreWriter.open(root, StoreConfig(rgb_codec="jpeg"))
    form = root / "store.json"
    form.write_text(form.read_text().replace('"version": 2', '"version": 3'))
    with pytest.raises(StoreError, match="version 3"):
        Store.read(root)


def test_a_second_writer_is_refused_and_may_come_after_the_first(root, frame):
    with StoreWriter.open(root) as first:
        with pytest.raises(StoreError, match="another process is writing"):
            StoreWriter.open(root)
        first.begin_route("q")
        first.append("q", frame(0))
    with StoreWriter.open(root) as second:
        assert len(second.frames(route_id="q")) == 1


def test_records_whose_files_did_not_survive_a_power_loss_are_cut_by_the_next_writer(root, frame):
    with StoreWriter.open(root) as store:
        for number in range(3):
            store.add_variant(f"r/{number:06d}", "fog-day", number, frame(9).rgb, {"synthesizer": "s"})
    (root / store.variant("r/000001", "fog-day", "s", 1).file.name).write_bytes(b"")
    with StoreWriter.open(root) as store:
        assert store.repaired_bytes > 0
        assert [v.seed for v in store.variants()] == [0]
        assert len(store.frames()) == 3
        store.add_variant("r/000001", "fog-day", 1, frame(9).rgb, {"synthesizer": "s"})
        assert store.verify() == []


def test_a_picture_missing_from_a_finished_route_is_reported_and_never_repaired_away(root):
    (root / "routes/r/frames/000002.rgb.png").unlink()
    with StoreWriter.open(root) as store:
        assert store.repaired_bytes == 0
        assert len(store.frames()) == 3
        assert len(store.verify()) == 1
