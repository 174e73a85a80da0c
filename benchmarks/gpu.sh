#!/usr/bin/env bash
# Tests and measures lookax on a GPU, in eight minutes at most, and writes one JSON file:
#
#     benchmarks/gpu.sh [gpu.json] [--small] [--budget SECONDS] [--only NAME …]
#
# It takes the Python of the environment (or $PYTHON) with JAX for the GPU, and the sources beside it: lookax need not
# be installed. Packages that are missing can be brought as wheels, where there is no network. Nothing is downloaded,
# and nothing stays. On a machine with a network, and the same version of Python:
#
#     python3 -m pip download --only-binary=:all: --no-deps -d benchmarks/wheels \
#         tyro typeguard docstring-parser orjson plotly tensorboardX
#
# For MinAtar add gymnax, gymnasium, farama-notifications and six; for Atari ale-py and gymnasium. Without them, and
# without pytest, the file says what was left out. --small makes everything tiny, to try the script on any machine.
#
# Whole figures take longer than this script. They can be stopped with Ctrl-C or SIGTERM, and resumed:
#
#     lookax run pola-figure4-pola-dice --seeds 8 --out runs/figure4
#     lookax resume runs/figure4
#
# Without installing lookax: PYTHONPATH=src python3 -m lookax.cli run …
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT

if compgen -G "$root/benchmarks/wheels/*.whl" > /dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --disable-pip-version-check \
        --target "$packages" "$root"/benchmarks/wheels/*.whl
fi

# Not replaced by Python, so that the folder of packages is removed; a signal is passed on.
PYTHONPATH="$root/src:$root:$packages${PYTHONPATH:+:$PYTHONPATH}" "$python" -m benchmarks.gpu "$@" &
trap 'kill -TERM $! 2> /dev/null' TERM INT
status=0
wait $! || status=$?
wait $! 2> /dev/null || true
exit "$status"
