"""Opening OpenGL, and saying what to install when that fails."""

from __future__ import annotations

import pytest

from carla_server.render import context


def test_without_any_backend_the_error_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise RuntimeError("not on this machine")

    for name in ("_egl", "_system_osmesa", "_wheel_osmesa"):
        monkeypatch.setattr(context, name, absent)
    with pytest.raises(context.GLUnavailable, match="apt-get install libegl1 libgl1 libgl1-mesa-dri") as caught:
        context.open_context()
    assert "egl: not on this machine" in str(caught.value)
    assert "osmesa-wheel: not on this machine" in str(caught.value)
