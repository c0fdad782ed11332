#!/usr/bin/env bash
# Builds the wheel, installs it in an empty environment outside the checkout, and runs the small demo from there.
# Takes minutes, so it is a target of its own (`make wheel-check`) and not part of `make test`.
#   SCALE=...  share of the demo, default 0.05
set -euo pipefail
checkout=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$checkout/.venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$work/wheels" "$checkout"
"$checkout/.venv/bin/python" -m venv "$work/env"
cd "$work"
env/bin/pip install --quiet --disable-pip-version-check "$(grep -E '^torch==' "$checkout/constraints.txt")"
grep -vE '^torch==' "$checkout/constraints.txt" > constraints.txt
env/bin/pip install --quiet --disable-pip-version-check -c constraints.txt "$(ls wheels/*.whl)[augment,train]"
env/bin/python - "$checkout" <<'PY'
import pathlib, sys, carla_server, leaderboard, syndiff

for package in (carla_server, leaderboard, syndiff):
    where = pathlib.Path(package.__file__).resolve()
    assert not where.is_relative_to(pathlib.Path(sys.argv[1])), f"{where} is the checkout, not the wheel"
PY
env/bin/syndiff doctor
env/bin/syndiff demo --out out --scale "${SCALE:-0.05}"
test -s out/report.html
echo "wheel check: the demo ran from an installed wheel"
