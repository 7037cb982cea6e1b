#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds a preset of CMakePresets.json and runs its tests; further arguments go to ctest.
#
#   scripts/test.sh [PRESET] [ARGUMENT...]    default: release
#   CXX=clang++-14 scripts/test.sh ...        with another compiler than g++
#   LOWBIT_TESTS_WHOLE=ON scripts/test.sh     starts each program of tests twice, for half of its cases, not for each case
#   LOWBIT_JOBS=1 scripts/test.sh ...         compiles and tests one thing at a time, not one for each processor
#   LOWBIT_PYTHON=ON scripts/test.sh          the Python package, too, with the system's Python
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
if [[ ${1-} =~ ^[a-z] ]]; then
  preset=$1
  shift
fi

packages=()
case $preset in
  release) packages=(libopenmpi-dev openmpi-bin lld) ;;  # MPI: for one of the examples
  clang) packages=(clang-14) ;;
  aarch64) packages=(--arch arm64 g++-aarch64-linux-gnu qemu-user libfmt-dev:arm64 libgtest-dev:arm64) ;;
esac
[[ ${CXX-} != clang* ]] || packages+=(clang-14 libclang-rt-14-dev lld-14)
[ "${LOWBIT_PYTHON:-OFF}" = OFF ] || packages+=(python3-dev python3-numpy pybind11-dev)
scripts/setup.sh "${packages[@]}"
# All is built, once: a folder in one go takes half the time. The other presets that are tested say it themselves.
# Programs are large: lld links them in a third of the time.
[ "$preset" != release ] || options=(-DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0
                                     -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld
                                     "-DLOWBIT_TESTS_WHOLE=${LOWBIT_TESTS_WHOLE:-OFF}")
[ "${LOWBIT_PYTHON:-OFF}" = OFF ] || options+=(-DLOWBIT_PYTHON=ON -DPython3_EXECUTABLE=/usr/bin/python3)
[[ $preset != asan-ubsan || ${CXX-} != clang* ]] || options=(-DLOWBIT_FUZZ=ON -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld)
cmake --preset "$preset" -G Ninja ${options[@]+"${options[@]}"}
jobs=${LOWBIT_JOBS:-$(nproc)}
cmake --build --preset "$preset" --parallel "$jobs"
ctest --preset "$preset" --parallel "$jobs" "$@"
