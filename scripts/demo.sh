#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the `lowbit` command and runs its demo; arguments go to the demo.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cmake --preset release -G Ninja -DLOWBIT_TESTS=OFF -DLOWBIT_BENCH=OFF -DLOWBIT_EXAMPLES=OFF -B build/demo
cmake --build build/demo --target lowbit_command
exec build/demo/src/cli/lowbit demo "$@"
