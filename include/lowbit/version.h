// SPDX-License-Identifier: Apache-2.0
// The version of lowbit, for the preprocessor. CMake reads it from here, so that it is written once.
#pragma once

#define LOWBIT_VERSION_MAJOR 0
#define LOWBIT_VERSION_MINOR 1
#define LOWBIT_VERSION_PATCH 0

/// One number to compare with: 10203 is version 1.2.3.
#define LOWBIT_VERSION (LOWBIT_VERSION_MAJOR * 10000 + LOWBIT_VERSION_MINOR * 100 + LOWBIT_VERSION_PATCH)

#define LOWBIT_DETAIL_TEXT(x) #x
#define LOWBIT_DETAIL_DOTTED(major, minor, patch) \
  LOWBIT_DETAIL_TEXT(major) "." LOWBIT_DETAIL_TEXT(minor) "." LOWBIT_DETAIL_TEXT(patch)

/// The same as text: "1.2.3".
#define LOWBIT_VERSION_STRING \
  LOWBIT_DETAIL_DOTTED(LOWBIT_VERSION_MAJOR, LOWBIT_VERSION_MINOR, LOWBIT_VERSION_PATCH)
