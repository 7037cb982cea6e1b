// SPDX-License-Identifier: Apache-2.0
// What a deflated stream can hold: a size that a file claims is checked against it before memory is taken.
#pragma once

#include <cstdint>

namespace lowbit::data {

/// A deflate block yields at most 1032 bytes for one byte (zlib's technical notes).
inline constexpr std::uint64_t kDeflateLimit = 1032;

}  // namespace lowbit::data
