// SPDX-License-Identifier: Apache-2.0
// For files that are hostile behind a checksum that fits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lowbit::testing {

/// Writes the CRC-32 of the payload into the header of a .lowbit file or a part of a calibration
/// (docs/file-format.md).
inline void mend_checksum(std::vector<std::byte>& file) {
  constexpr std::size_t kChecksum = 12, kPayload = 24;
  std::uint32_t c = ~0u;
  for (const std::byte b : std::span(file).subspan(kPayload)) {
    c ^= std::to_integer<std::uint32_t>(b);
    for (int i = 0; i < 8; ++i) c = (c >> 1) ^ (c & 1 ? 0xEDB88320u : 0u);
  }
  c = ~c;
  std::memcpy(file.data() + kChecksum, &c, sizeof c);
}

}  // namespace lowbit::testing
