#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the documentation site in build/docs/html from the pages of docs/ and the public headers. Fails at a warning
# of Doxygen and at a link between pages that leads nowhere.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v doxygen >/dev/null || scripts/setup.sh doxygen
rm -rf build/docs
mkdir -p build
LOWBIT_VERSION=$(sed -nE 's/^#define LOWBIT_VERSION_(MAJOR|MINOR|PATCH) //p' include/lowbit/version.h | paste -sd.) \
  doxygen docs/Doxyfile

cd build/docs/html
dead=0
while read -r link; do
  page=${link%%#*} anchor=
  case $link in *'#'*) anchor=${link#*#} ;; esac
  if [ ! -e "$page" ] || { [ -n "$anchor" ] && ! grep -qE "(id|name)=\"$anchor\"" "$page"; }; then
    echo "dead link: $link" >&2
    dead=1
  fi
done < <(grep -oh 'href="[^":]*"' ./*.html | sed -E 's/href="(.*)"/\1/' | grep -v '^#' | sort -u)
[ "$dead" -eq 0 ]
echo "build/docs/html/index.html"
