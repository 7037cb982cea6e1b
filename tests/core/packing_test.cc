// SPDX-License-Identifier: Apache-2.0
#include "lowbit/core/packing.h"

#include <gtest/gtest.h>

#include <vector>

#include "lowbit/core/error.h"
#include "support/random.h"

namespace lowbit {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Packing, PutsTheFirstCodeIntoTheLowBits) {
  Bytes out(2);
  pack_u4(Bytes{0x1, 0x2, 0xF}, out);
  EXPECT_EQ(out, (Bytes{0x21, 0x0F}));
  pack_u2(Bytes{0, 1, 2, 3, 2}, out);
  EXPECT_EQ(out, (Bytes{0b11100100, 0b10}));
}

TEST(Packing, RoundTripsEveryLength) {
  testing::Random random(1);
  for (std::size_t n = 0; n < 40; ++n) {
    Bytes codes4(n), codes2(n), back(n), packed4(packed_bytes(n, 4)), packed2(packed_bytes(n, 2));
    for (auto& c : codes4) c = static_cast<std::uint8_t>(random.integer(0, 15));
    for (auto& c : codes2) c = static_cast<std::uint8_t>(random.integer(0, 3));
    pack_u4(codes4, packed4);
    unpack_u4(packed4, back);
    EXPECT_EQ(back, codes4);
    pack_u2(codes2, packed2);
    unpack_u2(packed2, back);
    EXPECT_EQ(back, codes2);
  }
}

TEST(Packing, RefusesBuffersOfAnotherSize) {
  Bytes codes(5), three(3), two(2);
  EXPECT_NO_THROW(pack_u4(codes, three));
  EXPECT_THROW(pack_u4(codes, two), Error);
  EXPECT_THROW(unpack_u4(two, codes), Error);
  EXPECT_THROW(pack_u2(codes, three), Error);
  EXPECT_THROW(unpack_u2(three, codes), Error);
}

}  // namespace
}  // namespace lowbit
