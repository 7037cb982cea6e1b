#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the `lowbit` command and runs its demo; arguments go to the demo.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cmake --preset release -G Ninja -DLOWBIT_TESTS=OFF -DLOWBIT_BENCH=OFF -DLOWBIT_EXAMPLES=OFF \
  -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -B build/demo  # a folder in one go, in a fraction of the time
cmake --build build/demo --target lowbit_command
exec build/demo/src/cli/lowbit demo "$@"
