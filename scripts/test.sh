#!/usr/bin/env bash
# Builds everything in release mode and runs the tests; arguments go to ctest.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh libopenmpi-dev openmpi-bin  # MPI: for one of the examples
cmake --preset release -G Ninja
cmake --build --preset release
ctest --preset release -j2 "$@"
