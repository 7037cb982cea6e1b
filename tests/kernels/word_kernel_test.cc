// SPDX-License-Identifier: Apache-2.0
// Word kernels: each equals the scalar reference, which is held against sums in 64 bits.
#include "kernels/words/word_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lowbit/kernels/cpu.h"
#include "support/random.h"

namespace lowbit::kernels {
namespace {

struct Case {
  std::int64_t rows, cols, depth;
  std::vector<std::int16_t> a, b;  ///< b: packed
  std::int64_t a_stride = 0;

  Case(std::int64_t m, std::int64_t n, std::int64_t k, int largest)
      : rows(m), cols(n), depth(k), a_stride(k + 3) {
    testing::Random random(static_cast<std::uint64_t>(m * 1000 + n * 10 + k));
    a.resize(static_cast<std::size_t>(m * a_stride));
    b.resize(static_cast<std::size_t>(n * k));
    for (std::int16_t& v : a) v = static_cast<std::int16_t>(random.integer(-largest, largest));
    for (std::int16_t& v : b) v = static_cast<std::int16_t>(random.integer(-255, 255));
  }
  /// Rows are 5 apart from each other, with a mark in between.
  std::vector<std::int32_t> run(const WordKernel& kernel) const {
    std::vector<std::int32_t> out(static_cast<std::size_t>(rows * (cols + 5) + 1), 42);
    kernel.multiply({rows, cols, depth, a.data(), a_stride, b.data(), out.data(), cols + 5});
    return out;
  }
};

/// The largest sums that 32 bits hold, and small shapes of every kind.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t rows : {1, 2, 3, 5, 6, 7, 13, 64})
    for (const std::int64_t cols : {8, 16, 24, 40})
      for (const std::int64_t depth : {0, 2, 4, 62, 64}) all.emplace_back(rows, cols, depth, 255);
  all.emplace_back(9, 24, 256, 32767);
  return all;
}

TEST(WordKernel, TheReferenceIsTheSumOfProducts) {
  for (const Case& c : cases()) {
    const std::vector<std::int32_t> out = c.run(kWordsScalar);
    for (std::int64_t r = 0; r < c.rows; ++r) {
      for (std::int64_t j = 0; j < c.cols; ++j) {
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < c.depth; ++k)
          sum += std::int64_t{c.a[static_cast<std::size_t>(r * c.a_stride + k)]} *
                 c.b[static_cast<std::size_t>(j / 8 * 8 * c.depth + k / 2 * 16 + j % 8 * 2 + k % 2)];
        ASSERT_EQ(out[static_cast<std::size_t>(r * (c.cols + 5) + j)], sum) << c.rows << c.cols << c.depth;
      }
      for (std::int64_t j = c.cols; j < c.cols + 5; ++j)
        ASSERT_EQ(out[static_cast<std::size_t>(r * (c.cols + 5) + j)], 42);
    }
  }
}

std::vector<const WordKernel*> kernels_of_this_build() {
  std::int64_t count = 0;
  const WordKernel* const* kernels = word_kernels(&count);
  return {kernels, kernels + count};
}

class EveryWordKernel : public ::testing::TestWithParam<const WordKernel*> {};

TEST_P(EveryWordKernel, GivesTheBitsOfTheReference) {
  const WordKernel& kernel = *GetParam();
  if (!has_isa(detected_isa(), kernel.required)) GTEST_SKIP() << "this machine does not run " << kernel.name;
  for (const Case& c : cases()) ASSERT_EQ(c.run(kernel), c.run(kWordsScalar)) << c.rows << c.cols << c.depth;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryWordKernel, ::testing::ValuesIn(kernels_of_this_build()),
                         [](const auto& p) {
                           std::string name = p.param->name;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace lowbit::kernels
