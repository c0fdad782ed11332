#!/usr/bin/env bash
# Prepares everything that `make demo` and `make test` need, once:
#   .venv with Python 3.11 or 3.12, torch, this package with its extras, and an openable OpenGL.
# Usage: bash bootstrap.sh            (called by the Makefile)
#   PYTHON=...  the interpreter to use      TORCH=...  the requirement that installs torch
set -euo pipefail
cd "$(dirname "$0")"

EXTRAS="augment,train,segmentation,rl,video,openvino,tensorrt-rtx,dev"
STAMP=".venv/.syndiff-ready"
GL_PACKAGES="libegl1 libgl1 libgl1-mesa-dri"

say() { printf '[setup] %s\n' "$*"; }
fail() { printf '[setup] %s\n' "$*" >&2; exit 1; }

# Runs apt as root or through sudo that asks no question; returns 1 where neither is possible.
apt_install() {
  local sudo=""
  command -v apt-get >/dev/null || return 1
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    sudo="sudo -n"
  fi
  $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"
}

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3.12 python3.11 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

if [ ! -x .venv/bin/python ]; then
  python=$(find_python) || fail "no Python 3.11 or 3.12 found; install one and run PYTHON=/path/to/python3.12 make ..."
  say "creating .venv with $("$python" --version)"
  if ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    apt_install "python$version-venv" || fail "cannot make a virtual environment; run: sudo apt-get install python$version-venv"
    "$python" -m venv .venv
  fi
fi

wanted=$(cat setup.py constraints.txt bootstrap.sh | sha256sum)
if [ "$(cat "$STAMP" 2>/dev/null)" != "$wanted" ]; then
  if ! .venv/bin/python -c 'import torch' 2>/dev/null; then
    torch=${TORCH:-$(grep -E '^torch==' constraints.txt)}
    say "installing $torch (set TORCH='...' for another build)"
    # shellcheck disable=SC2086  # TORCH may hold options
    .venv/bin/python -m pip install --quiet --disable-pip-version-check $torch
  fi
  say "installing syndiff-ad[$EXTRAS]"
  # The user's own torch stays: its constraint is left out.
  grep -vE '^torch==' constraints.txt > .venv/constraints-without-torch.txt
  .venv/bin/python -m pip install --quiet --disable-pip-version-check \
    -c .venv/constraints-without-torch.txt -e ".[$EXTRAS]"
  printf '%s' "$wanted" > "$STAMP"
fi

if ! .venv/bin/python -m carla_server.render.context >/dev/null 2>&1; then
  say "no OpenGL can be opened; installing Mesa ($GL_PACKAGES)"
  # shellcheck disable=SC2086
  apt_install $GL_PACKAGES || fail "no OpenGL can be opened; run: sudo apt-get install $GL_PACKAGES"
  .venv/bin/python -m carla_server.render.context || fail "OpenGL still cannot be opened after installing $GL_PACKAGES"
fi

.venv/bin/python -m carla_server.kernels  # the simulator's machine code; compiled once, some ten seconds
