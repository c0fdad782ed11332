"""`syndiff doctor` says what is there, and turns what is missing into a command."""

import importlib.metadata
import socket

from syndiff import doctor


def test_a_working_machine_has_no_problem():
    problems = [finding for finding in doctor.examine(port=1) if finding.state == "problem"]
    assert problems == []


def test_every_package_resolves_to_this_checkout_and_the_file_is_shown():
    shown = {f.topic: f.detail for f in doctor.examine(port=1)}
    assert shown["import leaderboard"].endswith("leaderboard/__init__.py")


def test_a_wrong_client_version_is_a_problem_with_its_remedy(monkeypatch):
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda n: "0.9.15" if n == "carla" else real(n))
    finding = next(f for f in doctor.examine(port=1) if f.topic == "carla")
    assert finding.state == "problem"
    assert "carla==0.9.16" in finding.detail
    assert doctor.report([finding]) == 1


def test_a_listening_port_is_noticed():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        finding = next(f for f in doctor.examine(port) if f.topic.startswith("port"))
    assert finding.state == "note"
    assert "something listens" in finding.detail


def test_the_report_shows_the_extra_that_brings_a_missing_package(capsys):
    finding = doctor.Finding("onnxruntime", "note", "not installed; pip install 'syndiff-ad[onnx]'")
    assert doctor.report([finding]) == 0
    assert "[onnx]" in "".join(capsys.readouterr().out.split())


def test_opengl_is_named_with_what_draws():
    finding = next(f for f in doctor.examine(port=1) if f.topic == "opengl")
    assert finding.state == "ok"
    assert " through " in finding.detail
