#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks that every source file names its licence in its first line (its second, behind #!); --fix adds it.
#
#   scripts/spdx.sh [--fix]
set -euo pipefail
cd "$(dirname "$0")/.."

line="SPDX-License-Identifier: Apache-2.0"
missing=0
while read -r file; do
  [ -s "$file" ] || continue
  head -n 2 "$file" | grep -qF "$line" && continue
  case $file in
    *.h | *.cc | *.inl | *.js | *.mjs) comment=// ;;
    *) comment=# ;;
  esac
  if [ "${1-}" = --fix ]; then
    if [ "$(head -c 2 "$file")" = "#!" ]; then sed -i "1a $comment $line" "$file"; else sed -i "1i $comment $line" "$file"; fi
  else
    echo "$file: no \"$comment $line\""
    missing=1
  fi
done < <(git ls-files | grep -E '\.(h|cc|inl|js|mjs|cmake|in|map|sh|py)$|(^|/)(CMakeLists\.txt|Doxyfile)$|^scripts/pre-commit$|^\.ci/run$')
[ "$missing" -eq 0 ]
