// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/gguf/gguf_value.h"

#include <gtest/gtest.h>

#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::says;

TEST(GgufValue, HasTheTypeOfWhatItIsMadeOf) {
  EXPECT_EQ(GgufValue(std::uint8_t{200}).type(), GgufValueType::u8);
  EXPECT_EQ(GgufValue(std::uint8_t{200}).integer(), 200);
  EXPECT_EQ(GgufValue(std::int8_t{-7}).integer(), -7);
  EXPECT_EQ(GgufValue(std::uint16_t{65535}).integer(), 65535);
  EXPECT_EQ(GgufValue(std::int16_t{-300}).integer(), -300);
  EXPECT_EQ(GgufValue(4000000000u).integer(), 4000000000);
  EXPECT_EQ(GgufValue(-5).type(), GgufValueType::i32);
  EXPECT_EQ(GgufValue(std::int64_t{-5}).integer(), -5);
  EXPECT_EQ(GgufValue(~std::uint64_t{0}).to_string(), "18446744073709551615");
  EXPECT_EQ(GgufValue(~std::uint64_t{0}).real(), 0x1p64);
  EXPECT_EQ(GgufValue(0.1f).type(), GgufValueType::f32);
  EXPECT_EQ(GgufValue(0.1f).to_string(), "0.1");
  EXPECT_EQ(GgufValue(0.1).real(), 0.1);
  EXPECT_TRUE(GgufValue(true).boolean());
  EXPECT_EQ(GgufValue("llama").text(), "llama");
  EXPECT_EQ(GgufValue("llama").bytes().size(), 13u);
  EXPECT_EQ(GgufValue(7), GgufValue(7));
  EXPECT_FALSE(GgufValue(7) == GgufValue(7u));
}

TEST(GgufValue, ArraysOfNumbersTextsAndArrays) {
  const GgufValue numbers[] = {1, -2, 3, 4, 5};
  const GgufValue array = GgufValue::array(GgufValueType::i32, numbers);
  EXPECT_EQ(array.element_type(), GgufValueType::i32);
  EXPECT_EQ(array.size(), 5u);
  EXPECT_EQ(array.integers(), (std::vector<std::int64_t>{1, -2, 3, 4, 5}));
  EXPECT_EQ(array.reals(), (std::vector<double>{1, -2, 3, 4, 5}));
  EXPECT_EQ(array.values()[1], GgufValue(-2));
  EXPECT_EQ(array.to_string(), "[1, -2, 3, 4, ...] (5 i32)");
  const GgufValue words[] = {"a", "", "ccc"};
  const GgufValue texts = GgufValue::array(GgufValueType::string, words);
  EXPECT_EQ(texts.texts(), (std::vector<std::string_view>{"a", "", "ccc"}));
  const GgufValue both[] = {array, texts};
  const GgufValue nested = GgufValue::array(GgufValueType::array, both);
  EXPECT_EQ(nested.values()[1].texts()[2], "ccc");
  EXPECT_EQ(GgufValue::array(GgufValueType::f32, {}).size(), 0u);

  EXPECT_TRUE(
      says(error_of([&] { GgufValue::array(GgufValueType::u32, numbers); }, ErrorCode::invalid_argument),
           {"u32", "i32"}));
  EXPECT_TRUE(says(error_of([&] { texts.integers(); }, ErrorCode::invalid_argument), {"string", "integer"}));
  error_of([&] { array.texts(); }, ErrorCode::invalid_argument);
  error_of([&] { array.integer(); }, ErrorCode::invalid_argument);
  error_of([&] { GgufValue(1.5f).integer(); }, ErrorCode::invalid_argument);
  error_of([&] { GgufValue(1).text(); }, ErrorCode::invalid_argument);
  error_of([&] { GgufValue(1).boolean(); }, ErrorCode::invalid_argument);
  error_of([&] { GgufValue("x").size(); }, ErrorCode::invalid_argument);
  GgufValue deep = array;
  for (int i = 1; i < 8; ++i) deep = GgufValue::array(GgufValueType::array, std::span(&deep, 1));
  EXPECT_TRUE(says(
      error_of([&] { GgufValue::array(GgufValueType::array, std::span(&deep, 1)); }, ErrorCode::corrupt_file),
      {"nested", "8"}));
}

}  // namespace
}  // namespace lowbit
