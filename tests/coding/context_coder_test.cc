// SPDX-License-Identifier: Apache-2.0
#include "coding/context_coder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "skewed_symbols.h"
#include "support/random.h"

namespace lowbit::coding {
namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(ContextCoder, GivesWhatWasCoded) {
  testing::Random random(1);
  for (int i = 0; i < 300; ++i) {
    Bytes bytes(static_cast<std::size_t>(testing::below(random, 200)));
    const int kind = testing::below(random, 4);
    for (std::byte& b : bytes)
      b = static_cast<std::byte>(kind == 0   ? 0
                                 : kind == 1 ? 255
                                             : testing::below(random, kind == 2 ? 3 : 256));
    const Bytes coded = context_encode(bytes);
    const auto got = context_decode(coded, bytes.size());
    ASSERT_TRUE(got) << i;
    ASSERT_EQ(*got, bytes) << i;
  }
}

TEST(ContextCoder, RepeatedNamesTakeLittle) {
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "layer" + std::to_string(i / 10) + "." + std::to_string(i % 10) + ".conv1.weight";
  EXPECT_LT(context_encode(bytes_of(text)).size(), text.size() / 10);
}

TEST(ContextCoder, NoiseTakesHardlyMoreThanItself) {
  testing::Random random(2);
  Bytes bytes(20000);
  for (std::byte& b : bytes) b = static_cast<std::byte>(testing::below(random, 256));
  EXPECT_LT(context_encode(bytes).size(), 20000u * 103 / 100);
}

/// All bytes alike are the fewest bits there can be.
TEST(ContextCoder, FewBytesCannotBeEverSoMany) {
  const Bytes zeros(200000, std::byte{0});
  const std::size_t coded = context_encode(zeros).size();
  EXPECT_LE(zeros.size(), most_context_bytes(coded));
  EXPECT_FALSE(context_decode(Bytes(10), std::uint64_t{1} << 40));
}

TEST(ContextCoder, AnyBytesDecodeToSomethingOrAreRefused) {
  testing::Random random(4);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    Bytes bytes(static_cast<std::size_t>(testing::below(random, 60)));
    for (std::byte& b : bytes) b = static_cast<std::byte>(testing::below(random, 256));
    const auto size = static_cast<std::uint64_t>(testing::below(random, 300));
    const auto got = context_decode(bytes, size);
    refused += !got;
    if (got) {
      EXPECT_EQ(got->size(), size);
    }
  }
  EXPECT_GT(refused, 0);
}

/// What the bytes of a file must stay.
TEST(ContextCoder, BytesAreTheSameOnEveryMachine) {
  const Bytes coded = context_encode(bytes_of("abracadabra, abracadabra, abracadabra"));
  std::string hex;
  for (const std::byte b : coded)
    hex += "0123456789abcdef"[std::to_integer<int>(b) >> 4],
        hex += "0123456789abcdef"[std::to_integer<int>(b) & 15];
  EXPECT_EQ(hex, "9e9539ada276c944942f853d16");
}

}  // namespace
}  // namespace lowbit::coding
