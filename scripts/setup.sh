#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building lowbit needs and this machine lacks, through the package manager of Debian or Ubuntu; packages
# that are named besides, too. --arch NAME lets it install packages for another processor (PACKAGE:NAME).
# Elsewhere it prints what to install and exits with 2.
#
#   scripts/setup.sh [--arch NAME] [PACKAGE...]
set -euo pipefail

architecture=
if [ "${1-}" = --arch ]; then
  architecture=$2
  shift 2
fi
packages=(cmake ninja-build g++ libeigen3-dev libgtest-dev libbenchmark-dev libfmt-dev libprotobuf-dev protobuf-compiler
          libonnx-dev libflatbuffers-dev flatbuffers-compiler libcli11-dev nlohmann-json3-dev pkg-config python3 zlib1g-dev libpng-dev libjpeg-dev libwebp-dev "$@")

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  cat >&2 <<'TEXT'
This script knows apt only. Please install, by your system's means:
  CMake 3.20+, Ninja, Python 3, a C++20 compiler, Eigen 3.4, fmt, GoogleTest, Google Benchmark,
  Protobuf with protoc, ONNX (C++), FlatBuffers with flatc, CLI11, nlohmann_json, zlib, libpng, libjpeg, libwebp
TEXT
  exit 2
fi

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
if [ -n "$architecture" ] && ! dpkg --print-foreign-architectures | grep -qx "$architecture"; then
  "${as_root[@]}" dpkg --add-architecture "$architecture"
  "${as_root[@]}" apt-get update
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null || true)
  grep -qx installed <<<"$status" || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
# The package lists are refreshed only where they do not know a package or name a version that is gone.
"${install[@]}" || { "${as_root[@]}" apt-get update && "${install[@]}"; }
