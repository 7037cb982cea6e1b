// SPDX-License-Identifier: Apache-2.0
#include "coding/rans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/coding/rans_kernel.h"
#include "lowbit/kernels/cpu.h"
#include "skewed_symbols.h"
#include "support/random.h"

namespace lowbit::coding {
namespace {

FrequencyTable table_for(const std::vector<std::uint8_t>& symbols) {
  SymbolCounts counts{};
  count_symbols(symbols, counts);
  return FrequencyTable(FrequencyTable::weights_of(counts));
}

class EveryRansKernel : public ::testing::TestWithParam<const kernels::RansKernel*> {
 protected:
  void SetUp() override {
    if (!has_isa(active_isa(), GetParam()->required)) GTEST_SKIP() << "this machine lacks its instructions";
  }
  /// The number of words taken.
  static std::int64_t decode(RansCode& code, const FrequencyTable& table, std::vector<std::uint8_t>& out) {
    const auto slots = table.decoding_table();
    kernels::RansDecode d;
    d.words = code.words.data(), d.word_count = static_cast<std::int64_t>(code.words.size());
    d.states = code.states.data(), d.streams = static_cast<int>(code.states.size());
    d.table = slots.data(), d.out = out.data(), d.count = static_cast<std::int64_t>(out.size());
    return GetParam()->decode(d);
  }
};

TEST_P(EveryRansKernel, GivesWhatWasCoded) {
  for (const std::size_t count : {1, 2, 31, 32, 33, 4095, 4096, 32767, 32768, 32769, 40001})
    for (const auto& [symbols, width] : {std::pair{256, 2.0}, {256, 0.3}, {16, 0.8}, {3, 0.5}, {1, 1.0}}) {
      const auto wanted = testing::skewed_symbols(count, symbols, width, count);
      const FrequencyTable table = table_for(wanted);
      RansCode code = rans_encode(wanted, table);
      std::vector<std::uint8_t> got(count);
      ASSERT_EQ(decode(code, table, got), std::ssize(code.words)) << count << " of " << symbols;
      ASSERT_EQ(got, wanted) << count << " of " << symbols;
      for (const std::uint32_t x : code.states) EXPECT_EQ(x, kernels::kRansLow);
    }
}

/// Words and states that nobody coded: the same symbols as the reference, or the same refusal.
TEST_P(EveryRansKernel, DoesAsTheReferenceOnAnyBytes) {
  testing::Random random(9);
  for (int i = 0; i < 200; ++i) {
    SymbolWeights weights{};
    for (std::uint8_t& w : weights)
      w = static_cast<std::uint8_t>(testing::below(random, 4) ? 0 : testing::below(random, 256));
    const FrequencyTable table(weights);
    RansCode code{std::vector<std::uint32_t>(32),
                  std::vector<std::uint16_t>(static_cast<std::size_t>(testing::below(random, 3000)))};
    for (std::uint32_t& x : code.states) x = static_cast<std::uint32_t>(random.next());
    for (std::uint16_t& w : code.words) w = static_cast<std::uint16_t>(random.next());
    RansCode same = code;
    std::vector<std::uint8_t> got(4000), wanted(4000);
    const auto slots = table.decoding_table();
    kernels::RansDecode d{same.words.data(),
                          static_cast<std::int64_t>(same.words.size()),
                          same.states.data(),
                          32,
                          slots.data(),
                          wanted.data(),
                          4000};
    ASSERT_EQ(decode(code, table, got), kernels::kRansScalar.decode(d));
    ASSERT_EQ(got, wanted);
    ASSERT_EQ(code.states, same.states);
  }
}

std::vector<const kernels::RansKernel*> all_kernels() {
  std::int64_t count = 0;
  const kernels::RansKernel* const* all = kernels::rans_kernels(&count);
  return {all, all + count};
}

INSTANTIATE_TEST_SUITE_P(Rans, EveryRansKernel, ::testing::ValuesIn(all_kernels()), [](const auto& kernel) {
  std::string name = kernel.param->name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

TEST(Rans, TakesWhatTheTableSays) {
  const auto symbols = testing::skewed_symbols(100000, 16, 0.8);
  const FrequencyTable table = table_for(symbols);
  SymbolCounts counts{};
  count_symbols(symbols, counts);
  const double bits = static_cast<double>(table.cost(counts)) / 65536;
  const double coded = 8.0 * static_cast<double>(rans_encode(symbols, table).bytes());
  EXPECT_GT(coded, bits);
  EXPECT_LT(coded, bits + 32 * 32);
  EXPECT_LT(coded, 1.01 * testing::entropy(symbols));
}

TEST(Rans, FewBytesCannotBeEverSoManySymbols) {
  const std::vector<std::uint8_t> zeros(3000000, 0);
  const RansCode code = rans_encode(zeros, table_for(zeros));
  EXPECT_LE(zeros.size(), most_symbols(code.bytes()));
  EXPECT_GT(zeros.size(), most_symbols(code.bytes()) / 2);  // the bound is not far from what can be
}

TEST(Rans, DamagedCodesAreSeen) {
  const auto symbols = testing::skewed_symbols(5000, 16, 0.8);
  const FrequencyTable table = table_for(symbols);
  const RansCode code = rans_encode(symbols, table);
  std::vector<std::uint8_t> out(symbols.size());
  RansCode shorter = code;
  shorter.words.pop_back();
  EXPECT_FALSE(rans_decode(shorter, table, out, active_isa()));
  RansCode longer = code;
  longer.words.push_back(1);
  EXPECT_FALSE(rans_decode(longer, table, out, active_isa()));
  int seen = 0;
  for (std::size_t i = 0; i < code.words.size(); i += 7) {
    RansCode other = code;
    other.words[i] ^= 0x10;
    seen += !rans_decode(other, table, out, active_isa()) || out != symbols;
  }
  EXPECT_EQ(seen, static_cast<int>((code.words.size() + 6) / 7));
}

}  // namespace
}  // namespace lowbit::coding
