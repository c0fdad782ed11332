"""Existing data sets become stores: same pixels, translated labels, hard links, and errors that name the file."""

import csv
import json
import os

import cv2
import numpy as np
import pytest

from carla_agents.data.check import check_store
from carla_agents.data.errors import StoreError
from carla_agents.data.store import Store
from carla_agents.data.store_writer import StoreWriter
from carla_agents.segmentation.importing import ImportConfig, import_folders, read_conditions
from carla_agents.segmentation.known_sets import class_set
from carla_server.semantics import SemanticTag

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 255, (18, 32, 3), np.uint8)
OLD = RNG.integers(0, 23, (18, 32), np.uint8)  # ids of 0.9.13


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def red(ids):
    """As CARLA saves it raw: BGRA with the id in red."""
    picture = np.zeros((*ids.shape, 4), np.uint8)
    picture[..., 2], picture[..., 3] = ids, 255
    return picture


def plain(root, count=2, labels=OLD, suffix=".png"):
    for number in range(count):
        write(root / "rgb" / f"{number:04d}{suffix}", RGB + np.uint8(number))
        write(root / "seg" / f"{number:04d}.png", labels)
        code = np.full((18, 32, 3), (0, 9, 200 + number), np.uint8)
        write(root / "depth" / f"{number:04d}.png", code)
    return root


def test_a_plain_folder_becomes_a_sound_store_whose_pictures_are_the_originals(tmp_path):
    source = plain(tmp_path / "data" / "drive7")
    report = import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    assert (report.routes, report.frames, report.linked, report.copied) == (1, 2, 4, 0)
    check_store(tmp_path / "store")
    frame = Store.read(tmp_path / "store").frames()[1]
    assert (frame.route_id, frame.condition) == ("drive7", "unknown")
    assert (frame.load_rgb() == cv2.imread(str(source / "rgb/0001.png"))[..., ::-1]).all()
    assert frame.load_depth_m()[0, 0] == pytest.approx(1000 * (201 + 256 * 9) / (256**3 - 1), rel=1e-5)
    wanted = [class_set("carla-0.9.13").classes[i].tag for i in range(23)]
    assert (frame.load_seg() == np.array(wanted, np.uint8)[OLD]).all()
    assert os.path.samefile(source / "rgb/0001.png", tmp_path / "store" / frame.files["rgb"].name)
    assert os.path.samefile(source / "depth/0001.png", tmp_path / "store" / frame.files["depth"].name)


def test_labels_in_todays_tags_are_linked_too(tmp_path):
    plain(tmp_path / "data", labels=np.full((18, 32), 24, np.uint8))
    assert import_folders(tmp_path / "data", tmp_path / "store", ImportConfig()).linked == 6


def test_discarding_an_imported_route_leaves_the_originals_alone(tmp_path):
    source = plain(tmp_path / "data")
    before = {p: p.read_bytes() for p in source.rglob("*.png")}
    import_folders(source, tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    with StoreWriter.open(tmp_path / "store") as store:
        store.discard_route("data")
    assert not Store.read(tmp_path / "store").frames()
    assert {p: p.read_bytes() for p in source.rglob("*.png")} == before


def test_an_original_that_is_changed_in_place_is_noticed(tmp_path):
    source = plain(tmp_path / "data")
    import_folders(source, tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    with (source / "rgb/0000.png").open("r+b") as file:
        file.seek(60)
        file.write(b"changed")
    with pytest.raises(StoreError, match="changed or damaged"):
        Store.read(tmp_path / "store").frames()[0].load_rgb()


def test_another_file_system_means_copies_that_are_counted(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    plain(tmp_path / "data")
    report = import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    assert (report.linked, report.copied) == (0, 4)
    check_store(tmp_path / "store")


def test_a_stopped_import_goes_on_and_a_finished_one_does_nothing(tmp_path):
    class Stopped(Exception):
        pass

    def stop(done, total):
        if done == 3:
            raise Stopped

    for name in ("a", "b"):
        plain(tmp_path / "data" / name)
    config = ImportConfig(labels="carla-0.9.13")
    with pytest.raises(Stopped):
        import_folders(tmp_path / "data", tmp_path / "store", config, on_frame=stop)
    again = import_folders(tmp_path / "data", tmp_path / "store", config)
    assert (again.kept_routes, again.routes) == (1, 1)
    assert len(Store.read(tmp_path / "store").frames()) == 4
    assert import_folders(tmp_path / "data", tmp_path / "store", config).frames == 0
    with pytest.raises(StoreError, match="another route a"):
        import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="neat"))


def test_an_import_leaves_the_unfinished_routes_of_others_alone(tmp_path):
    plain(tmp_path / "data")
    with StoreWriter.open(tmp_path / "store") as store:
        store.begin_route("somebody-drives")
    import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    assert [route.route_id for route in Store.read(tmp_path / "store").routes()] == ["somebody-drives", "data"]


def test_carla_s_raw_and_coloured_label_pictures_give_the_same_ids(tmp_path):
    palette = class_set("carla-0.9.13").palette_rgb()
    write(tmp_path / "data/rgb/0.png", RGB)
    write(tmp_path / "data/rgb/1.png", RGB)
    write(tmp_path / "data/seg/0.png", red(OLD))
    write(tmp_path / "data/seg/1.png", palette[OLD][..., ::-1])
    import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    raw, coloured = Store.read(tmp_path / "store").frames()
    assert (raw.load_seg() == coloured.load_seg()).all()
    assert "seg" in raw.files


def test_cityscapes_and_bdd_folders_bring_their_splits(tmp_path):
    ids = RNG.integers(0, 19, (18, 32), np.uint8)
    ids[0] = 255
    city, bdd = tmp_path / "city", tmp_path / "bdd"
    write(city / "leftImg8bit/val/bonn/bonn_000_leftImg8bit.png", RGB)
    write(city / "gtFine/val/bonn/bonn_000_gtFine_labelTrainIds.png", ids)
    write(bdd / "images/10k/train/abc.jpg", RGB)
    write(bdd / "labels/sem_seg/masks/train/abc.png", ids)
    import_folders(city, tmp_path / "s1", ImportConfig(layout="cityscapes", labels="cityscapes"))
    report = import_folders(bdd, tmp_path / "s2", ImportConfig(layout="bdd", labels="bdd100k"))
    assert report.linked == 1
    first, second = Store.read(tmp_path / "s1").frames()[0], Store.read(tmp_path / "s2").frames()[0]
    assert (first.split, first.route_id, second.split) == ("val", "val_bonn", "train")
    assert (first.load_seg() == second.load_seg()).all()
    assert set(first.load_seg()[0].tolist()) == {SemanticTag.NONE}
    assert Store.read(tmp_path / "s2").rgb_codec == "jpeg"


def test_neat_and_bench2drive_folders_bring_speed_and_controls(tmp_path):
    import gzip

    notes = {"speed": 3.5, "steer": -0.25, "throttle": 2.0, "brake": 0.0, "command": 4, "x": 1.0}
    neat, bench = tmp_path / "neat/Town01/route1", tmp_path / "b2d/Accident_Town03_Route1_Weather0"
    write(neat / "rgb_front/0000.png", RGB)
    write(neat / "seg_front/0000.png", red(np.full((18, 32), 27, np.uint8)))
    (neat / "measurements").mkdir()
    (neat / "measurements/0000.json").write_text(json.dumps(notes))
    write(bench / "camera/rgb_front/00000.jpg", RGB)
    write(bench / "camera/semantic_front/00000.png", np.full((18, 32), 24, np.uint8))
    (bench / "anno").mkdir()
    (bench / "anno/00000.json.gz").write_bytes(gzip.compress(json.dumps(notes).encode()))
    import_folders(tmp_path / "neat", tmp_path / "s1", ImportConfig(layout="neat", labels="neat"))
    import_folders(tmp_path / "b2d", tmp_path / "s2", ImportConfig(layout="bench2drive"))
    for root in ("s1", "s2"):
        frame = Store.read(tmp_path / root).frames()[0]
        assert (frame.speed_mps, frame.control.steer, frame.control.throttle) == (3.5, -0.25, 1.0)
        assert set(frame.load_seg().ravel().tolist()) == {SemanticTag.ROAD_LINES}
    assert Store.read(tmp_path / "s1").routes()[0].metadata["pose_known"] is False


def test_a_table_of_conditions_names_routes_and_pictures(tmp_path):
    for name in ("a", "b"):
        plain(tmp_path / "data" / name)
    with (tmp_path / "c.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "condition"), ("a", "rain-night"), ("b/0001", "fog-day")])
    table = read_conditions(tmp_path / "c.csv")
    import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(labels="carla-0.9.13"), table)
    shown = [f.condition for f in Store.read(tmp_path / "store").frames()]
    assert shown == ["rain-night", "rain-night", "unknown", "fog-day"]
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="name,condition"):
        read_conditions(tmp_path / "bad.csv")


def damaged(tmp_path, kind):
    """A plain folder with one fault; the file that must be named."""
    root = plain(tmp_path / "data")
    victim = root / "rgb/0001.png"
    if kind == "truncated png":
        victim.write_bytes(victim.read_bytes()[:-40])
    elif kind == "flipped bits":
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 255
        victim.write_bytes(bytes(data))
    elif kind == "truncated jpeg":
        victim.unlink()
        victim = write(root / "rgb/0001.jpg", RGB)
        victim.write_bytes(victim.read_bytes()[:-200])
    elif kind == "not a picture":
        victim.write_text("hello")
    elif kind == "ids outside":
        victim = write(root / "seg/0001.png", np.full((18, 32), 24, np.uint8))
    elif kind == "jpeg labels":
        (root / "seg/0001.png").unlink()
        victim = write(root / "seg/0001.jpg", OLD)
    elif kind == "no labels":
        (root / "seg/0001.png").unlink()
    elif kind == "another size":
        victim = write(root / "seg/0001.png", OLD[:9])
    elif kind == "strange colours":
        victim = write(root / "seg/0001.png", RGB)
    elif kind == "grey depth":
        victim = write(root / "depth/0001.png", OLD)
    return root, victim


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated png", "cut off.*restore it"),
        ("flipped bits", "damaged near byte.*restore it"),
        ("truncated jpeg", "cut off"),
        ("not a picture", "neither a PNG nor a JPEG"),
        ("ids outside", r"holds ids \[24\].*class set"),
        ("jpeg labels", "export the labels as PNG"),
        ("no labels", "no label picture.*--no-require-labels"),
        ("another size", "32x9 pixels.*32x18"),
        ("strange colours", "does not use.*class set"),
        ("grey depth", "--no-depth"),
    ],
)
def test_bad_files_stop_the_import_with_their_name_and_the_remedy(tmp_path, kind, message):
    root, victim = damaged(tmp_path, kind)
    with pytest.raises((StoreError, ValueError), match=f"{victim.name}.*{message}"):
        import_folders(root, tmp_path / "store", ImportConfig(labels="carla-0.9.13"))
    assert not Store.read(tmp_path / "store").routes()[0].outcome, "an import with a fault is never taken for whole"


def test_a_folder_in_another_layout_is_refused(tmp_path):
    plain(tmp_path / "data")
    with pytest.raises(ValueError, match="layout 'bdd'"):
        import_folders(tmp_path / "data", tmp_path / "store", ImportConfig(layout="bdd"))
    with pytest.raises(ValueError, match="not a folder"):
        import_folders(tmp_path / "absent", tmp_path / "store", ImportConfig())


def test_an_original_must_hold_what_the_frame_says(tmp_path, monkeypatch):
    from carla_agents.simulator.frame import Command, Control, Frame

    path = write(tmp_path / "x.png", RGB)
    frame = Frame(
        0, 0.0, RGB, None, None, None, 0.0, np.eye(4), Command.LEFT, np.zeros(2, np.float32), Control(), "c"
    )
    with StoreWriter.open(tmp_path / "store") as store:
        store.begin_route("r")
        with pytest.raises(ValueError, match=r"x\.png does not hold the frame's rgb"):
            store.append("r", frame, {"rgb": path})
        with pytest.raises(ValueError, match="cannot become the plane depth"):
            store.append("r", frame, {"depth": path})
