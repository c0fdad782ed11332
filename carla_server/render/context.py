"""Open an off-screen OpenGL context: EGL first (GPU or Mesa), then OSMesa.

`python -m carla_server.render.context` says in its exit status whether that works here, and why not.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.metadata
import sys
from typing import Any

import moderngl

APT_LINE = "apt-get install libegl1 libgl1 libgl1-mesa-dri"
_OPENGL_VERSION = (3, 3)


class GLUnavailable(RuntimeError):
    """No way to draw on this machine; the message says what was tried and what to install."""


class OSMesaContext:
    """A software context by libOSMesa in the shape that `moderngl.create_context(context=...)` expects.

    Source: Mesa's osmesa.h (OSMesaCreateContextAttribs and its attribute names).
    """

    _FORMAT, _RGBA, _DEPTH_BITS, _PROFILE, _CORE_PROFILE = 0x22, 0x1908, 0x30, 0x33, 0x34
    _MAJOR, _MINOR, _UNSIGNED_BYTE = 0x36, 0x37, 0x1401

    def __init__(self, library_path: str) -> None:
        library = ctypes.CDLL(library_path, mode=ctypes.RTLD_GLOBAL)
        library.OSMesaCreateContextAttribs.restype = ctypes.c_void_p
        library.OSMesaCreateContextAttribs.argtypes = [ctypes.POINTER(ctypes.c_int), ctypes.c_void_p]
        library.OSMesaGetProcAddress.restype = ctypes.c_void_p
        library.OSMesaGetProcAddress.argtypes = [ctypes.c_char_p]
        library.OSMesaMakeCurrent.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_int,
        ]
        library.OSMesaDestroyContext.argtypes = [ctypes.c_void_p]
        attributes = [self._FORMAT, self._RGBA, self._DEPTH_BITS, 24, self._PROFILE, self._CORE_PROFILE]
        attributes += [self._MAJOR, _OPENGL_VERSION[0], self._MINOR, _OPENGL_VERSION[1], 0]
        self._library = library
        self._handle = library.OSMesaCreateContextAttribs((ctypes.c_int * len(attributes))(*attributes), None)
        if not self._handle:
            raise RuntimeError(f"{library_path} gave no OpenGL {_OPENGL_VERSION} context")
        self._window = (ctypes.c_ubyte * (8 * 8 * 4))()
        self.__enter__()

    def load(self, name: str) -> int:
        """Address of a GL function, 0 if unknown."""
        return self._library.OSMesaGetProcAddress(name.encode()) or 0

    def __enter__(self) -> OSMesaContext:
        if not self._library.OSMesaMakeCurrent(self._handle, self._window, self._UNSIGNED_BYTE, 8, 8):
            raise RuntimeError("OSMesaMakeCurrent failed")
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def release(self) -> None:
        self._library.OSMesaDestroyContext(self._handle)


def open_context(device_index: int | None = None) -> tuple[moderngl.Context, str]:
    """Open a context and say which way it came.

    Args:
        device_index: EGL device (one of several GPUs); None takes EGL's default.

    Returns:
        The context and `"egl"`, `"osmesa"` or `"osmesa-wheel"`.

    Raises:
        GLUnavailable: nothing worked.
    """
    attempts = (("egl", lambda: _egl(device_index)), ("osmesa", _system_osmesa), ("osmesa-wheel", _wheel_osmesa))
    reasons = []
    for name, attempt in attempts:
        try:
            return attempt(), name
        except Exception as error:
            # The three back ends raise unrelated types; every reason is kept for the message below.
            reasons.append(f"{name}: {error}")
    raise GLUnavailable(
        f"no off-screen OpenGL 3.3 context on this machine ({'; '.join(reasons)}). "
        f"Install one with `{APT_LINE}` (or `pip install --no-deps lavavu-osmesa`), or run without cameras."
    )


def _create(**settings: Any) -> moderngl.Context:
    return moderngl.create_context(standalone=True, **settings)


def _egl(device_index: int | None) -> moderngl.Context:
    device = {} if device_index is None else {"device_index": device_index}
    return _create(backend="egl", require=330, libgl="libGL.so.1", libegl="libEGL.so.1", **device)


def _system_osmesa() -> moderngl.Context:
    library = ctypes.util.find_library("OSMesa")
    if library is None:
        raise FileNotFoundError("libOSMesa is not installed")
    return _create(context=OSMesaContext(library))


def _wheel_osmesa() -> moderngl.Context:
    try:
        files = importlib.metadata.files("lavavu-osmesa") or []
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError("the lavavu-osmesa wheel is not installed") from None
    paths = [str(entry.locate()) for entry in files if ".libs/" in str(entry)]
    main = next(path for path in paths if "libOSMesa" in path)
    pending = [path for path in paths if path != main]
    # The bundled libraries carry no rpath: load them until each finds what it needs, leaves first.
    while pending:
        failed = [path for path in pending if not _loads(path)]
        if len(failed) == len(pending):
            break
        pending = failed
    return _create(context=OSMesaContext(main))


def _loads(path: str) -> bool:
    try:
        ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def main() -> int:
    """Open a context and name what draws: 0 if there is one, else 1 with the reasons on standard error."""
    try:
        context, way = open_context()
    except GLUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{context.info['GL_RENDERER']} through {way}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
