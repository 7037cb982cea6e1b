// SPDX-License-Identifier: Apache-2.0
// Random products that kernels can be given, and the kernels of this build.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/avxvnni_twins.h"
#include "kernels/gemm_case.h"
#include "support/random.h"

namespace lowbit::testing {

inline std::string describe(const GemmCase& c, std::uint64_t seed) {
  const GemmShape& s = c.shape();
  return "seed " + std::to_string(seed) + ": " + std::to_string(s.images) + " x " + std::to_string(s.m) +
         "x" + std::to_string(s.n) + "x" + std::to_string(s.taps) + "x" + std::to_string(s.k) + " format " +
         std::to_string(int(c.spec().format)) + " act " + std::to_string(int(c.spec().act)) + " group " +
         std::to_string(c.spec().group) + " planes " + std::to_string(c.spec().planes) + " out " +
         std::to_string(int(c.epilogue().out));
}

inline GemmShape random_shape(Random& random) {
  GemmShape s;
  s.images = static_cast<std::uint32_t>(random.integer(0, 5) ? 1 : 3);
  s.m = static_cast<std::uint32_t>(random.integer(1, random.integer(0, 3) ? 14 : 60));
  s.n = static_cast<std::uint32_t>(random.integer(1, random.integer(0, 3) ? 70 : 150));
  s.taps = static_cast<std::uint32_t>(random.integer(0, 1) ? 1 : random.integer(1, 9));
  s.k = static_cast<std::uint32_t>(random.integer(1, s.taps == 1 ? 90 : 40));
  return s;
}

/// Options of a matrix that a kernel of `format` and `act` may be given; an s8 kernel also packs the other
/// integer formats when they have one scale group.
inline GemmOptions random_options(Random& random, WeightFormat format, kernels::ActType act,
                                  const GemmShape& shape) {
  GemmOptions o;
  o.format = format;
  o.act = act;
  constexpr WeightFormat kIntegers[] = {WeightFormat::u4, WeightFormat::lut4, WeightFormat::s2,
                                        WeightFormat::b1};
  if (format == WeightFormat::s8 && random.integer(0, 5) == 0) o.format = kIntegers[random.integer(0, 3)];
  const bool affine =
      o.format == WeightFormat::s8 || o.format == WeightFormat::u4 || o.format == WeightFormat::s2;
  o.zero_points = affine && random.integer(0, 3) == 0;
  o.levels_per_row = random.integer(0, 1);
  o.small_levels = random.integer(0, 2) == 0;
  o.fp16_scales = random.integer(0, 3) != 0;
  o.extreme = random.integer(0, 7) == 0;
  o.bell = random.integer(0, 1);
  o.row_zero_128 = random.integer(0, 1);
  if (o.format == WeightFormat::b1) {
    if (random.integer(0, 1)) o.planes = static_cast<std::uint32_t>(random.integer(2, 4));
  } else if (random.integer(0, 2)) {
    // Multiples of 4 as quantizers make them, usually powers of two; or no groups.
    const std::int64_t most = std::max<std::int64_t>(1, shape.k * shape.taps / 4);
    o.group = 4 * static_cast<std::uint32_t>(random.integer(0, 2) ? 1 << random.integer(0, 5)
                                                                  : random.integer(1, most));
  }
  return o;
}

/// Those of the table, and the twins.
inline std::vector<const kernels::GemmKernel*> all_kernels() {
  std::size_t count = 0;
  const kernels::GemmKernel* const* kernels = kernels::gemm_kernels(&count);
  std::vector<const kernels::GemmKernel*> all(kernels, kernels + count);
  all.insert(all.end(), avxvnni_twins().begin(), avxvnni_twins().end());
  return all;
}

}  // namespace lowbit::testing
