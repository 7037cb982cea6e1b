// SPDX-License-Identifier: Apache-2.0
// Row kernels: each equals the scalar reference, which is held against sums in 64 bits of unpacked codes.
#include "kernels/rows/row_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/guarded_buffer.h"
#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit::kernels {
namespace {

using Run = void (*RowKernel::*)(const RowProduct&);

struct RowCase {
  std::int64_t rows, count, bytes;
  bool is_extreme;
};

std::vector<RowCase> row_cases() {
  std::vector<RowCase> all;
  for (const std::int64_t rows : {1, 2, 3, 5, 9})
    for (const std::int64_t count : {0, 1, 2, 3, 4, 7, 8, 21})
      for (const std::int64_t bytes : {1, 7, 16, 31, 32, 48, 65}) all.push_back({rows, count, bytes, false});
  // The largest sums that 32 bits hold: 256 products of 255 and 32767.
  all.push_back({4, 256, 64, true});
  all.push_back({3, 5, 256, true});
  return all;
}

/// Words and codes of a case, the ends of their memory guarded, rows of codes 4 bytes apart as in a cache.
struct RowOperands {
  RowCase c;
  bool is_sum;
  int bits;
  std::vector<std::int16_t> words;
  std::vector<std::uint8_t> codes;
  std::int64_t columns, words_in_row;

  RowOperands(const RowCase& of, bool sum, int code_bits) : c(of), is_sum(sum), bits(code_bits) {
    columns = c.bytes * (8 / bits);
    words_in_row = is_sum ? c.count : columns;
    testing::Random random(static_cast<std::uint64_t>(c.rows * 10000 + c.count * 100 + c.bytes));
    words.resize(static_cast<std::size_t>(std::max<std::int64_t>(c.rows * words_in_row, 1)));
    // Exactly as far as the last row reaches.
    codes.resize(static_cast<std::size_t>(c.count == 0 ? 0 : c.count * (c.bytes + 4) - 4));
    for (std::int16_t& w : words) w = c.is_extreme ? std::int16_t{32767} : word(random);
    for (std::uint8_t& b : codes)
      b = c.is_extreme ? std::uint8_t{255} : static_cast<std::uint8_t>(random.integer(0, 255));
  }
  static std::int16_t word(testing::Random& random) {
    return static_cast<std::int16_t>(random.integer(-32767, 32767));
  }
  std::int64_t results() const { return is_sum ? columns : c.count; }
  std::int64_t code(std::int64_t row, std::int64_t column) const {
    const std::uint8_t byte = codes[static_cast<std::size_t>(row * (c.bytes + 4) + column % c.bytes)];
    return bits == 8 ? byte : column < c.bytes ? byte & 15 : byte >> 4;
  }
  std::int64_t expected(std::int64_t r, std::int64_t at) const {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < words_in_row; ++i)
      sum += words[static_cast<std::size_t>(r * words_in_row + i)] * (is_sum ? code(i, at) : code(at, i));
    return sum;
  }
  /// Rows are 5 apart from each other, with a mark in between.
  std::vector<std::int32_t> run(const RowKernel& kernel) const {
    const Run run_it = is_sum ? (bits == 8 ? &RowKernel::sum8 : &RowKernel::sum4)
                              : (bits == 8 ? &RowKernel::dot8 : &RowKernel::dot4);
    // Behind the last code and the last word there is nothing to read.
    testing::GuardedBuffer word_memory(2 * words.size()), code_memory(codes.size() + 1);
    auto* w = word_memory.place<std::int16_t>(words.size());
    auto* b = code_memory.place<std::uint8_t>(codes.size());
    std::copy(words.begin(), words.end(), w);
    std::copy(codes.begin(), codes.end(), b);
    std::vector<std::int32_t> out(static_cast<std::size_t>(c.rows * (results() + 5)), 42);
    (kernel.*run_it)({c.rows, c.count, c.bytes, w, words_in_row, b, c.bytes + 4, out.data(), results() + 5});
    return out;
  }
};

template <class Body>
void for_operands(Body&& body) {
  for (const RowCase& c : row_cases())
    for (const bool is_sum : {false, true})
      for (const int bits : {8, 4}) {
        if (c.is_extreme && is_sum != (c.count == 256)) continue;
        if (c.is_extreme && !is_sum && bits == 4) continue;  // twice as many columns
        SCOPED_TRACE(std::to_string(c.rows) + " x " + std::to_string(c.count) + " x " +
                     std::to_string(c.bytes) + (is_sum ? " sum" : " dot") + std::to_string(bits));
        body(RowOperands(c, is_sum, bits));
      }
}

TEST(RowKernel, TheReferenceIsTheSumOfProducts) {
  for_operands([](const RowOperands& o) {
    const std::vector<std::int32_t> out = o.run(kRowsScalar);
    for (std::int64_t r = 0; r < o.c.rows; ++r)
      for (std::int64_t i = 0; i < o.results() + 5; ++i) {
        const std::int64_t want = i < o.results() ? o.expected(r, i) : 42;
        ASSERT_EQ(out[static_cast<std::size_t>(r * (o.results() + 5) + i)], want);
      }
  });
}

std::vector<const RowKernel*> row_kernels_of_this_build() {
  std::int64_t count = 0;
  const RowKernel* const* kernels = row_kernels(&count);
  return {kernels, kernels + count};
}

class EveryRowKernel : public ::testing::TestWithParam<const RowKernel*> {};

TEST_P(EveryRowKernel, GivesTheBitsOfTheReference) {
  const RowKernel& kernel = *GetParam();
  if (!has_isa(detected_isa(), kernel.required)) GTEST_SKIP() << "this machine does not run " << kernel.name;
  for_operands([&](const RowOperands& o) { ASSERT_EQ(o.run(kernel), o.run(kRowsScalar)); });
}

INSTANTIATE_TEST_SUITE_P(Table, EveryRowKernel, ::testing::ValuesIn(row_kernels_of_this_build()),
                         [](const auto& p) {
                           std::string name = p.param->name;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace lowbit::kernels
