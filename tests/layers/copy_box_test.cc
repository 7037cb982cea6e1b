// SPDX-License-Identifier: Apache-2.0
#include "layers/copy_box.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace lowbit::testing {
namespace {

/// Strides of a box whose axes lie in a memory in this order, the last one with gaps between its elements.
ops::BoxDims strides_in_order(const ops::BoxDims& size, const std::vector<std::size_t>& order,
                              std::int64_t gap, std::int64_t& length) {
  ops::BoxDims stride{};
  length = gap;
  for (std::size_t i = order.size(); i-- > 0;) {
    stride[order[i]] = length;
    length *= size[order[i]];
  }
  return stride;
}

template <class T>
void compare_with_indices() {
  std::mt19937 random(5);
  std::vector<std::size_t> order_from(Shape::kMaxRank), order_to(Shape::kMaxRank);
  std::iota(order_from.begin(), order_from.end(), std::size_t{0});
  std::iota(order_to.begin(), order_to.end(), std::size_t{0});
  for (int round = 0; round < 300; ++round) {
    ops::BoxDims size;
    std::int64_t count = 1;
    for (std::int64_t& n : size) {
      n = random() % 3 == 0 ? 1 : 1 + static_cast<std::int64_t>(random() % (count > 2000 ? 2 : 37));
      count *= n;
    }
    std::shuffle(order_from.begin(), order_from.end(), random);
    if (round % 2) std::shuffle(order_to.begin(), order_to.end(), random);
    std::int64_t length_from, length_to;
    const auto from_stride = strides_in_order(size, order_from, 1 + round % 3 / 2, length_from);
    const auto to_stride = strides_in_order(size, order_to, 1 + round % 5 / 4, length_to);
    std::vector<T> from(static_cast<std::size_t>(length_from)), to(static_cast<std::size_t>(length_to), T{7});
    for (T& x : from) x = static_cast<T>(random() % 251);
    std::vector<T> expected = to;
    ops::BoxDims at{};
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t source = 0, target = 0;
      for (std::size_t axis = 0; axis < at.size(); ++axis) {
        source += at[axis] * from_stride[axis];
        target += at[axis] * to_stride[axis];
      }
      expected[static_cast<std::size_t>(target)] = from[static_cast<std::size_t>(source)];
      for (std::size_t axis = at.size(); axis-- > 0;) {
        if (++at[axis] < size[axis]) break;
        at[axis] = 0;
      }
    }
    ops::copy_box<T>(size, from.data(), from_stride, to.data(), to_stride);
    ASSERT_EQ(to, expected) << "round " << round;
  }
}

TEST(CopyBox, PutsElementsWhereIndicesSay) {
  compare_with_indices<float>();
  compare_with_indices<std::uint8_t>();
  compare_with_indices<std::int64_t>();
}

TEST(CopyBox, OfNothingCopiesNothing) {
  const float from = 1;
  float to = 2;
  ops::copy_box<float>({1, 1, 1, 3, 0, 2}, &from, {0, 0, 0, 2, 2, 1}, &to, {0, 0, 0, 2, 2, 1});
  EXPECT_EQ(to, 2);
}

}  // namespace
}  // namespace lowbit::testing
