"""GLSL sources shipped beside this file, with `#include` and compile-time switches."""

from __future__ import annotations

from importlib import resources

import moderngl

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
    return context.program(
        vertex_shader=shader_source(vertex, switches), fragment_shader=shader_source(fragment, switches)
    )


def set_uniforms(program: moderngl.Program, values: dict[str, object]) -> None:
    """Set those uniforms that this variant of the program still has; bytes are written as they are."""
    for name, value in values.items():
        if name not in program:
            continue
        uniform = program[name]
        if isinstance(uniform, moderngl.Uniform):
            if isinstance(value, bytes):
                uniform.write(value)
            else:
                uniform.value = value


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
