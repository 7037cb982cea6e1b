// SPDX-License-Identifier: Apache-2.0
#include "coding/frequency_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "skewed_symbols.h"
#include "support/random.h"

namespace lowbit::coding {
namespace {

std::uint32_t total_of(const FrequencyTable& table) {
  std::uint32_t sum = 0;
  for (int s = 0; s < 256; ++s) sum += table.frequency(static_cast<std::uint8_t>(s));
  return sum;
}

TEST(FrequencyTable, FrequenciesOfEqualCountsAreEqual) {
  SymbolCounts counts{};
  for (std::size_t s = 16; s < 32; ++s) counts[s] = 1000;
  const FrequencyTable table(FrequencyTable::weights_of(counts));
  for (int s = 0; s < 256; ++s)
    EXPECT_EQ(table.frequency(static_cast<std::uint8_t>(s)), s >= 16 && s < 32 ? 256u : 0u) << s;
  EXPECT_EQ(table.first_slot(16), 0u);
  EXPECT_EQ(table.first_slot(31), 15 * 256u);
}

TEST(FrequencyTable, OneSymbolLeavesSlotsEmpty) {
  SymbolCounts counts{};
  counts[7] = 123456789;
  const FrequencyTable table(FrequencyTable::weights_of(counts));
  EXPECT_EQ(table.frequency(7), FrequencyTable::kMost);
  EXPECT_EQ(total_of(table), FrequencyTable::kMost);
}

TEST(FrequencyTable, EveryCountedSymbolHasAFrequencyHoweverRare) {
  SymbolCounts counts{};
  counts.fill(1);
  counts[100] = std::uint64_t{1} << 40;
  const FrequencyTable table(FrequencyTable::weights_of(counts));
  for (int s = 0; s < 256; ++s) EXPECT_GE(table.frequency(static_cast<std::uint8_t>(s)), 1u);
  EXPECT_EQ(table.frequency(100), 4096u - 255u);
  EXPECT_EQ(total_of(table), 4096u);
}

TEST(FrequencyTable, AnyWeightsMakeATable) {
  testing::Random random(3);
  for (int i = 0; i < 2000; ++i) {
    SymbolWeights weights{};
    const int count = testing::below(random, 257), most = 1 + testing::below(random, 255);
    for (int k = 0; k < count; ++k)
      weights[static_cast<std::size_t>(testing::below(random, 256))] =
          static_cast<std::uint8_t>(testing::below(random, most + 1));
    const FrequencyTable table(weights);
    EXPECT_LE(total_of(table), 4096u);
    for (std::size_t s = 0; s < 256; ++s) {
      EXPECT_EQ(table.frequency(static_cast<std::uint8_t>(s)) > 0, weights[s] > 0);
      EXPECT_LE(table.frequency(static_cast<std::uint8_t>(s)), FrequencyTable::kMost);
    }
  }
}

TEST(FrequencyTable, CostIsThatOfTheFrequencies) {
  testing::Random random(5);
  const auto symbols = testing::skewed_symbols(20000, 200, 0.7);
  SymbolCounts counts{};
  count_symbols(symbols, counts);
  const FrequencyTable table(FrequencyTable::weights_of(counts));
  double bits = 0;
  for (const std::uint8_t s : symbols) bits -= std::log2(table.frequency(s) / 4096.0);
  EXPECT_NEAR(static_cast<double>(table.cost(counts)) / 65536, bits, 1e-4 * bits);
  EXPECT_LT(bits, testing::entropy(symbols) * 1.003);  // what weights of 4 + 4 bits and 12 bits cost
  counts[255] = 1;
  EXPECT_EQ(table.cost(counts), FrequencyTable::kNever);
}

TEST(FrequencyTable, EachSlotSaysItsSymbol) {
  const auto symbols = testing::skewed_symbols(1000, 9, 1.0);
  SymbolCounts counts{};
  count_symbols(symbols, counts);
  const FrequencyTable table(FrequencyTable::weights_of(counts));
  const auto slots = table.decoding_table();
  ASSERT_EQ(slots.size(), 4096u);
  for (std::uint32_t i = 0; i < 4096; ++i) {
    const auto s = static_cast<std::uint8_t>(slots[i] >> 24);
    EXPECT_EQ((slots[i] >> 12 & 4095) + 1, table.frequency(s));
    EXPECT_EQ((slots[i] & 4095) + table.first_slot(s), i);
  }
}

}  // namespace
}  // namespace lowbit::coding
