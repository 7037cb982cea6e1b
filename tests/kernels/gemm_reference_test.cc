// SPDX-License-Identifier: Apache-2.0
// The scalar reference kernels against the formula of gemm_kernel.h, written out once more.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "kernels/gemm_case.h"
#include "kernels/gemm_random.h"
#include "lowbit/kernels/gemm_kernel.h"

namespace lowbit::kernels {
namespace {

using testing::all_kernels;
using testing::describe;
using testing::GemmCase;
using testing::GemmOptions;
using testing::GemmShape;
using testing::Random;
using testing::random_options;
using testing::random_shape;

/// Code k of a stored row.
std::uint32_t code(const WeightSpec& w, std::size_t row, std::uint32_t k) {
  const std::uint32_t per_byte = testing::codes_per_byte(w.format), bits = 8 / per_byte;
  const std::uint32_t byte = w.codes[row * w.row_bytes + k / per_byte];
  return byte >> (k % per_byte * bits) & ((1u << bits) - 1);
}

/// Weight k of row j in plane p before its scale; `zero` is subtracted from affine codes.
float weight(const WeightSpec& w, std::uint32_t j, std::uint32_t p, std::uint32_t k, std::int64_t zero) {
  const std::uint32_t u = code(w, std::size_t{j} * w.planes + p, k);
  switch (w.format) {
    case WeightFormat::s8:
      return static_cast<float>(static_cast<std::int8_t>(u) - zero);
    case WeightFormat::u4:
    case WeightFormat::s2:
      return static_cast<float>(static_cast<std::int64_t>(u) - zero);
    case WeightFormat::b1:
      return u ? -1.0f : 1.0f;
    case WeightFormat::lut4:
    case WeightFormat::lut8:
      break;
  }
  const std::size_t index = (w.levels_per_row ? j * (w.format == WeightFormat::lut8 ? 256u : 16u) : 0u) + u;
  return w.act == ActType::f32 ? w.real_levels[index] : static_cast<float>(w.levels[index]);
}

/// What planes stand for with f32 activations.
float signed_scales(const WeightSpec& w, std::uint32_t j, std::uint32_t k) {
  float sum = 0;
  for (std::uint32_t p = 0; p < w.planes; ++p) sum += w.scales[j * w.planes + p] * weight(w, j, p, k, 0);
  return sum;
}

float activation(const WeightSpec& w, const std::uint8_t* row, std::uint32_t k) {
  if (w.act == ActType::b1) return row[k / 8] >> k % 8 & 1 ? -1.0f : 1.0f;
  if (w.act == ActType::u8) return row[k];
  float f;
  std::memcpy(&f, row + std::size_t{k} * 4, 4);
  return f;
}

/// One element by the formula of gemm_kernel.h: the integer i of a one-group product or the float f of the
/// others.
struct Element {
  std::int64_t integer = 0;
  float real = 0;
};

Element dot(const GemmCase& c, const PackedWeights& packed, std::size_t b, std::size_t i, std::uint32_t j) {
  const WeightSpec& w = c.spec();
  const GemmLhs& lhs = c.lhs();
  const std::uint32_t per_tap = w.k / w.taps, group = w.group ? w.group : w.k,
                      groups = (w.k + group - 1) / group, all = packed.groups();
  const std::size_t row = b * lhs.rows + i;
  const std::int32_t middle = w.format == WeightFormat::u4 ? 8 : w.format == WeightFormat::s2 ? 2 : 0;
  const std::int64_t row_zero = all > 1 && c.epilogue().row_a ? c.epilogue().row_a[row] : 0;
  Element e;
  std::int64_t sum = 0;
  float real_sum = 0;
  const bool planes_added = w.format == WeightFormat::b1 && w.act == ActType::f32;
  for (std::uint32_t p = 0; p < (planes_added ? 1 : w.planes); ++p)
    for (std::uint32_t k = 0; k < w.k; ++k) {
      const std::uint32_t tap = k / per_tap, g = all > 1 && w.planes > 1 ? p : k / group;
      const std::ptrdiff_t offset =
          lhs.offsets ? lhs.offsets[tap * lhs.rows + i] : static_cast<std::ptrdiff_t>(i) * lhs.row_stride;
      const float a =
          activation(w, lhs.a + static_cast<std::ptrdiff_t>(b) * lhs.image_stride + offset, k % per_tap);
      std::int64_t zero = w.zero_points ? w.zero_points[j * groups + k / group] : middle;
      if (all == 1 && !packed.weight_zero_points().empty()) zero -= packed.weight_zero_points()[j];
      const float value = planes_added ? signed_scales(w, j, k) : weight(w, j, p, k, zero);
      if (w.act == ActType::f32) {
        real_sum = std::fma(a, value, real_sum);
      } else {
        sum += (static_cast<std::int64_t>(a) - row_zero) * static_cast<std::int64_t>(value);
      }
      if ((k + 1) % group != 0 && k + 1 != w.k) continue;
      if (w.act != ActType::f32) real_sum = static_cast<float>(static_cast<std::int32_t>(sum));
      e.integer = sum;
      e.real = all > 1 ? std::fma(real_sum, w.scales[std::size_t{j} * all + g], e.real) : real_sum;
      sum = 0;
      real_sum = 0;
    }
  return e;
}

void expect_formula(GemmCase& c, const PackedWeights& packed, std::span<const std::uint8_t> got) {
  const Epilogue& e = c.epilogue();
  for (std::size_t row = 0; row < c.lhs().images * c.lhs().rows; ++row) {
    for (std::uint32_t j = 0; j < c.spec().n; ++j) {
      const std::size_t b = row / c.lhs().rows, i = row % c.lhs().rows;
      const Element element = dot(c, packed, b, i, j);
      std::int64_t v = element.integer;
      if (e.column_constant) v += e.column_constant[j];
      if (e.row_a) v -= std::int64_t{e.row_a[row]} * e.col_a[j];
      if (e.row_b) v -= std::int64_t{e.row_b[row]} * e.col_b[j];
      const auto integer = static_cast<std::int32_t>(static_cast<std::uint64_t>(v));
      const std::uint8_t* at = got.data() + row * c.c_row_bytes() + j * (e.out == OutType::u8 ? 1u : 4u);
      if (e.out == OutType::s32) {
        ASSERT_EQ(std::memcmp(at, &integer, 4), 0) << row << "," << j;
        continue;
      }
      const bool real = packed.groups() > 1 || c.spec().act == ActType::f32;
      float f = real ? element.real : static_cast<float>(integer);
      if (e.multiplier) f *= e.multiplier[j];
      if (e.row_scale) f *= e.row_scale[row];
      if (e.addend) f += e.addend[j];
      if (e.residual) {
        const std::uint8_t r = e.residual[b * c.residual_image_stride() + i * e.residual_row_bytes + j];
        const float scaled = (static_cast<float>(r) - e.residual_zero) * e.residual_scale;
        f += scaled;
      }
      f = f < e.lo ? e.lo : f;
      f = f > e.hi ? e.hi : f;
      if (e.out == OutType::f32) {
        ASSERT_EQ(std::memcmp(at, &f, 4), 0) << row << "," << j;
      } else {
        ASSERT_EQ(int(*at), int(std::nearbyintf(f)) + e.zero_point) << row << "," << j;
      }
    }
  }
}

TEST(GemmReference, GivesTheFormula) {
  for (const GemmKernel* kernel : all_kernels()) {
    if (!kernel->reference) continue;
    Random random(11);
    for (std::uint64_t seed = 0; seed < 120; ++seed) {
      GemmShape shape = random_shape(random);
      shape.m = shape.m % 8 + 1;
      shape.n = shape.n % 20 + 1;
      GemmOptions options = random_options(random, kernel->format, kernel->act, shape);
      options.format = kernel->format;
      if (options.group != 0 && random.integer(0, 1))
        options.group = static_cast<std::uint32_t>(random.integer(1, std::max(1u, shape.k * shape.taps - 1)));
      if (options.format == WeightFormat::b1) options.group = 0;
      if (options.format != WeightFormat::b1) options.planes = 1;
      GemmCase c(seed, shape, options);
      SCOPED_TRACE(describe(c, seed));
      const PackedWeights packed(c.spec(), Isa::scalar);
      ASSERT_EQ(&packed.kernel(), kernel);
      expect_formula(c, packed, c.run(packed, serial_executor()));
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace lowbit::kernels
