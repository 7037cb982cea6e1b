#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that C++ files are formatted as .clang-format says; --fix formats them. Without names: all files of the
# repository. Other versions of clang-format than 14 wrap differently, so that version it is.
#
#   scripts/format.sh [--fix] [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."

action=(--dry-run --Werror)
if [ "${1-}" = --fix ]; then
  action=(-i)
  shift
fi
if [ $# -eq 0 ]; then
  mapfile -t files < <(git ls-files '*.cc' '*.h' '*.inl')
  set -- "${files[@]}"
fi
command -v clang-format-14 >/dev/null || scripts/setup.sh clang-format-14
printf '%s\0' "$@" | xargs -0 -n 20 -P "$(nproc)" clang-format-14 "${action[@]}"
