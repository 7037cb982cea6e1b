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
# What can be linked to: files, and what has a name in a page.
places() {
  find . -mindepth 1 | sed 's#^\./##'
  grep -oE '(id|name)="[^"]*"' -- *.html | sed -E 's/:(id|name)="(.*)"/#\2/'
}
dead=$(LC_ALL=C comm -23 <(grep -oh 'href="[^":]*"' -- *.html | sed -E 's/href="(.*)"/\1/' | grep -v '^#' | LC_ALL=C sort -u) \
                         <(places | LC_ALL=C sort -u))
if [ -n "$dead" ]; then
  sed 's/^/dead link: /' <<<"$dead" >&2
  exit 1
fi
echo "build/docs/html/index.html"
