#!/usr/bin/env bash
# Builds a preset of CMakePresets.json and runs its tests; further arguments go to ctest.
#
#   scripts/test.sh [PRESET] [ARGUMENT...]    default: release
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
if [[ ${1-} =~ ^[a-z] ]]; then
  preset=$1
  shift
fi

case $preset in
  release) scripts/setup.sh libopenmpi-dev openmpi-bin ;;  # MPI: for one of the examples
  clang) scripts/setup.sh clang-14 libclang-rt-14-dev ;;
  aarch64) scripts/setup.sh --arch arm64 g++-aarch64-linux-gnu qemu-user libfmt-dev:arm64 libgtest-dev:arm64 ;;
  *) scripts/setup.sh ;;
esac
cmake --preset "$preset" -G Ninja
cmake --build --preset "$preset"
ctest --preset "$preset" -j2 "$@"
