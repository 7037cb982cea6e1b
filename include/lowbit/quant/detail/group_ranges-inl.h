// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/quant/detail/group_ranges.h"
#include "lowbit/quant/quantizer.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {

LOWBIT_INLINE Range finite_range(std::span<const float> values) {
  Range r;
  kernels::elementwise().min_max(values.data(), values.size(), &r.min, &r.max);
  return r.min <= r.max ? r : Range{0.0f, 0.0f};
}

LOWBIT_INLINE void detail::group_ranges(std::span<const float> values, std::size_t group_size,
                                        std::vector<Range>& ranges) {
  const auto min_max = kernels::elementwise().min_max;
  ranges.resize((values.size() + group_size - 1) / group_size);
  for (std::size_t begin = 0; Range & r : ranges) {
    min_max(values.data() + begin, std::min(group_size, values.size() - begin), &r.min, &r.max);
    if (!(r.min <= r.max)) r = {};
    begin += group_size;
  }
}

}  // namespace lowbit
LOWBIT_END_EXACT
