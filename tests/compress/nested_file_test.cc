// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "lowbit/core/error.h"
#include "lowbit/model/serialize.h"
#include "nested_networks.h"
#include "support/mend_checksum.h"

namespace lowbit {
namespace {

using testing::NestedNetwork;
using testing::outputs_of;

TEST(NestedFile, HoldsAllWidths) {
  const NestedNetwork network;
  NestedModel nested = network.nested();
  const std::vector<std::byte> bytes = save_to_bytes(nested);
  NestedModel loaded = load_nested(bytes);
  EXPECT_EQ(save_to_bytes(loaded), bytes);
  for (const int bits : kNestedBits) {
    nested.set_bits(bits), loaded.set_bits(bits);
    EXPECT_EQ(save_to_bytes(loaded.model()), save_to_bytes(nested.model())) << bits;
    EXPECT_EQ(outputs_of(loaded.model()), outputs_of(nested.model())) << bits;
  }
}

/// What is behind the planes that are asked for may be anything, or nothing.
TEST(NestedFile, FewerBitsReadFewerBytes) {
  const NestedNetwork network;
  NestedModel nested = network.nested();
  const std::vector<std::byte> bytes = save_to_bytes(nested);
  std::size_t least = bytes.size();
  for (const int bits : {6, 4, 2}) {
    const auto is_enough = [&](std::size_t size) {
      try {
        load_nested(std::span(bytes).first(size), bits);
        return true;
      } catch (const Error&) {
        return false;
      }
    };
    std::size_t too_few = 0, needed = least;
    while (needed - too_few > 1) {
      const std::size_t middle = (too_few + needed) / 2;
      (is_enough(middle) ? needed : too_few) = middle;
    }
    EXPECT_LT(needed, least) << bits;
    least = needed;
    NestedModel part = load_nested(std::span(bytes).first(needed), bits);
    nested.set_bits(bits);
    EXPECT_EQ(outputs_of(part.model()), outputs_of(nested.model()));
    EXPECT_EQ(part.most_bits(), bits);
    EXPECT_THROW(part.set_bits(8), Error);
    EXPECT_THROW(save_to_bytes(part), Error);
    if (bits > 2) {
      part.set_bits(2);
      nested.set_bits(2);
      EXPECT_EQ(outputs_of(part.model()), outputs_of(nested.model()));
    }
  }
}

TEST(NestedFile, DamagedOnesAreRefused) {
  const NestedNetwork network;
  const std::vector<std::byte> bytes = save_to_bytes(network.nested());
  for (std::size_t size = 0; size < bytes.size(); size += size < 32 ? 1 : 41)
    EXPECT_THROW(load_nested(std::span(bytes).first(size)), Error) << size;
  for (std::size_t at = 0; at < bytes.size(); at += 23) {
    std::vector<std::byte> other = bytes;
    other[at] ^= std::byte{0x20};
    EXPECT_THROW(load_nested(other), Error) << at;
  }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_THROW(load_nested(longer), Error);
}

/// With the checksum of the head mended, the reader itself must hold.
TEST(NestedFile, HostileOnesNeverCrash) {
  const NestedNetwork network;
  const std::vector<std::byte> bytes = save_to_bytes(network.nested());
  std::uint64_t payload = 0;
  std::copy_n(bytes.begin() + 16, 8, std::as_writable_bytes(std::span(&payload, 1)).begin());
  const auto head = static_cast<std::ptrdiff_t>(24 + payload);
  testing::Random random(5);
  int refused = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> part(bytes.begin(), bytes.begin() + head);
    for (int i = 0; i < 2; ++i)
      part[static_cast<std::size_t>(random.integer(24, head - 1))] =
          static_cast<std::byte>(random.integer(0, 255));
    testing::mend_checksum(part);
    part.insert(part.end(), bytes.begin() + head, bytes.end());
    try {
      load_nested(part);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 150);
}

}  // namespace
}  // namespace lowbit
