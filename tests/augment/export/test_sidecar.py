from __future__ import annotations

import pytest

from augment.export.sidecar import ExportError, read_sidecar, sidecar_path, write_sidecar


@pytest.fixture
def described(tmp_path):
    file = tmp_path / "graph.onnx"
    file.write_bytes(b"a graph")
    write_sidecar(file, {"format": "test-1", "opset": 20})
    return file


def test_what_was_written_is_read(described):
    assert read_sidecar(described, "test-1")["opset"] == 20


def test_a_file_changed_after_the_export_is_refused_by_its_hash(described):
    described.write_bytes(b"another graph")
    with pytest.raises(ExportError, match="has changed since it was exported"):
        read_sidecar(described, "test-1")


def test_large_weights_beside_the_graph_count_as_part_of_it(tmp_path):
    file, weights = tmp_path / "graph.onnx", tmp_path / "graph.onnx.data"
    file.write_bytes(b"a graph")
    weights.write_bytes(b"weights")
    write_sidecar(file, {"format": "test-1"})
    weights.write_bytes(b"weightz")
    with pytest.raises(ExportError, match="has changed"):
        read_sidecar(file, "test-1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "test-2"}', "null"])
def test_a_description_that_is_none_is_refused(described, text):
    sidecar_path(described).write_text(text)
    with pytest.raises(ExportError, match="export anew"):
        read_sidecar(described, "test-1")


def test_a_missing_file_or_description_is_named(described):
    sidecar_path(described).unlink()
    with pytest.raises(ExportError, match=r"graph\.onnx\.json"):
        read_sidecar(described, "test-1")
