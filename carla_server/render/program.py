"""GLSL sources shipped beside this file, with `#include` and compile-time switches."""

from __future__ import annotations

from importlib import resources

import moderngl
import numpy as np

_SHADERS = resources.files("carla_server.render") / "shaders"
_VERSION = "#version 330\n"


def shader_source(name: str, switches: tuple[str, ...] = ()) -> str:
    """Source of `shaders/<name>.glsl`; `#include "x"` lines are replaced, each switch becomes a `#define`.

    Switches are compile-time because a software rasteriser pays for both sides of a run-time branch.
    """
    defines = "".join(f"#define {switch}\n" for switch in switches)
    return _VERSION + defines + _expand(name)


def link(context: moderngl.Context, vertex: str, fragment: str, switches: tuple[str, ...] = ()) -> moderngl.Program:
    """Compile and link two shaders by name."""
    program = context.program(
        vertex_shader=shader_source(vertex, switches), fragment_shader=shader_source(fragment, switches)
    )
    uniforms = ((name, program[name]) for name in program)
    program.extra = {name: [item, None] for name, item in uniforms if isinstance(item, moderngl.Uniform)}
    return program


def set_uniforms(program: moderngl.Program, values: dict[str, object]) -> None:
    """Set those uniforms that this variant of the program still has and that changed; bytes are written as they are.

    Args:
        program: from `link`.
        values: numbers, tuples or bytes by name.
    """
    kept = program.extra
    for name, value in values.items():
        slot = kept.get(name)
        if slot is None or slot[1] == value:
            continue
        slot[1] = value
        if isinstance(value, bytes):
            # A compiler cuts off the end of an array that a shader never reads.
            slot[0].write(value[: slot[0].array_length * slot[0].dimension * 4])
        else:
            slot[0].value = value


def matrix_bytes(matrix: np.ndarray) -> bytes:
    """A square matrix as GLSL keeps it, column after column."""
    return matrix.T.astype(np.float32).tobytes()


def bind(
    buffer: moderngl.Buffer | None,
    program: moderngl.Program,
    layout: tuple[tuple[str, str, int], ...],
    *,
    per_instance: bool = False,
) -> tuple[object, ...]:
    """Vertex array content from (name, format, bytes) of attributes; those the compiler dropped become padding."""
    formats = [item if name in program else f"{size}x" for name, item, size in layout]
    names = [name for name, _, _ in layout if name in program]
    return (buffer, " ".join(formats) + ("/i" if per_instance else ""), *names)


def _expand(name: str) -> str:
    lines = []
    for line in (_SHADERS / f"{name}.glsl").read_text(encoding="utf-8").splitlines():
        if line.startswith("#include"):
            lines.append(_expand(line.split('"')[1]))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"
