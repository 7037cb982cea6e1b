// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/detail/quantize_matrix.h"
#include "lowbit/quant/detail/quantize_span.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/quantized_matrix.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::masks {

inline void check_mask(std::size_t mask, std::size_t values) {
  if (mask != 0 && mask != values)
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("a mask of {} does not fit {} values", mask, values));
}

}  // namespace detail::masks

LOWBIT_INLINE void fake_quantize(std::span<const float> x, QParams q, IntRange codes, std::span<float> out,
                                 std::span<std::uint8_t> mask) {
  using namespace detail::masks;
  detail::check_spans<std::int32_t>(x.size(), out.size(), q, codes);
  check_mask(mask.size(), x.size());
  const detail::CodeMap map(q, codes);
  // A value rounds to a code of the range if it is less than half a step beyond its ends; a tie goes to the
  // even one of two steps.
  const auto passes = [&](float v) {
    const float steps = v * map.inverse_scale;
    if (!(steps > map.range.lo - 1 && steps < map.range.hi + 1)) return false;
    const float rounded = round_to_even(steps);
    return rounded >= map.range.lo && rounded <= map.range.hi;
  };
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = passes(x[i]) ? 1 : 0;
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = map.steps(x[i]) * q.scale;
}

LOWBIT_INLINE void fake_quantize(const MatrixView& weights, const AnyQuantizer& quantizer,
                                 const MutableMatrixView& out, std::span<std::uint8_t> mask,
                                 const MatrixView& importance) {
  using namespace detail::masks;
  if (out.rows != weights.rows || out.cols != weights.cols)
    detail::throw_error(ErrorCode::shape_mismatch,
                        detail::sentence("{}x{} weights cannot be written to a {}x{} matrix", weights.rows,
                                         weights.cols, out.rows, out.cols));
  check_mask(mask.size(), static_cast<std::size_t>(weights.rows * weights.cols));
  std::vector<Range> ranges;
  const QuantizedMatrix q = detail::quantize(weights, quantizer, importance, &ranges);
  const std::int64_t size = q.groups() > 1 ? q.granularity.group_size : q.cols;
  for (std::int64_t r = 0; !mask.empty() && r < q.rows; ++r)
    for (std::int64_t c = 0; c < q.cols; ++c) {
      const Range& range = ranges[static_cast<std::size_t>(r * q.groups() + c / size)];
      const float w = weights(r, c);
      mask[static_cast<std::size_t>(r * q.cols + c)] = w >= range.min && w <= range.max;
    }
  dequantize(q, out);
}

}  // namespace lowbit
LOWBIT_END_EXACT
