#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy over the .cc files of src, with the checks that .clang-tidy lists.
#
#   scripts/tidy.sh                               all of them: ten minutes and more on two cores
#   scripts/tidy.sh FILE...                       these
#   scripts/tidy.sh [--at-most N] --since COMMIT  those that differ from COMMIT, the first N of them
set -euo pipefail
cd "$(dirname "$0")/.."

most=1000000
if [ "${1-}" = --at-most ]; then
  most=$2
  shift 2
fi
if [ "${1-}" = --since ]; then
  mapfile -t files < <(git diff --name-only --diff-filter=d "$2" -- 'src/*.cc')
elif [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(git ls-files 'src/*.cc')
fi
if [ ${#files[@]} -eq 0 ]; then
  echo "clang-tidy: no file to look at"
  exit 0
fi

scripts/setup.sh clang-14 clang-tidy-14
cmake --preset clang -G Ninja -DLOWBIT_TESTS=OFF -DLOWBIT_ONNX=ON -DLOWBIT_CLI=ON -DCMAKE_UNITY_BUILD=OFF \
      -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -B build/tidy >/dev/null
# Files for other processors are not in this build.
known=()
for file in "${files[@]}"; do
  if grep -qF "\"file\": \"$PWD/$file\"" build/tidy/compile_commands.json; then known+=("$file"); fi
done
echo "clang-tidy: ${#files[@]} files, of which $((${#files[@]} - ${#known[@]})) are not in this build"
if [ ${#known[@]} -gt "$most" ]; then
  echo "clang-tidy: the first $most only"
  known=("${known[@]:0:most}")
fi
[ ${#known[@]} -eq 0 ] || printf '%s\0' "${known[@]}" | xargs -0 -n 1 -P "${LOWBIT_JOBS:-$(nproc)}" clang-tidy-14 -p build/tidy --quiet
