// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/blocked.h"
#include "lowbit/quant/detail/rounding_modes.h"
#include "lowbit/quant/quantize.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::blocked {

using Strides = std::array<std::ptrdiff_t, Shape::kMaxRank>;

/// Goes over a tensor in logical order and knows which scale each element has.
class Walk {
 public:
  Walk(const Shape& shape, const Strides& strides, const BlockedQParams& q, std::size_t codes)
      : shape_(shape), strides_(strides) {
    require_count("codes", codes, shape.elements());
    std::int64_t scales = 1;
    if (q.scales.size() != 1) {
      axis_ = checked_axis(q, shape);
      block_ = q.block_size > 0 ? q.block_size : 1;
      const int first = q.block_size > 0 ? 0 : axis_, last = q.block_size > 0 ? shape.rank() - 1 : axis_;
      for (int d = last; d >= first; --d) {
        slot_strides_[static_cast<std::size_t>(d)] = scales;
        scales *= d == axis_ ? shape[d] / block_ + (shape[d] % block_ != 0) : shape[d];
      }
    }
    require_count("scales", q.scales.size(), scales);
    if (!q.zero_points.empty()) require_count("zero points", q.zero_points.size(), scales);
  }

  /// f(element, offset, slot): where its code lies, where the element lies, and which scale it has.
  template <class F>
  void each(F f) const {
    std::size_t element = 0;
    along(0, 0, 0, [&](std::ptrdiff_t offset, std::int64_t slot) {
      f(element++, offset, static_cast<std::size_t>(slot));
    });
  }

 private:
  static int checked_axis(const BlockedQParams& q, const Shape& shape) {
    if (q.block_size < 0)
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("a block of {} elements cannot be", q.block_size));
    const int axis = q.axis < 0 ? q.axis + shape.rank() : q.axis;
    if (axis < 0 || axis >= shape.rank())
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("a tensor of shape {} has no axis {}", shape.to_string(), q.axis));
    return axis;
  }

  void require_count(const char* what, std::size_t count, std::int64_t needed) const {
    if (count != static_cast<std::size_t>(needed))
      detail::throw_error(ErrorCode::shape_mismatch,
                          detail::sentence("a tensor of shape {} goes with {} {}, not {}", shape_.to_string(),
                                           needed, what, count));
  }

  template <class F>
  void along(int dimension, std::ptrdiff_t offset, std::int64_t slot, const F& f) const {
    // The second condition follows from the first; compilers that unroll the recursion want to be told.
    if (dimension == shape_.rank() || dimension == Shape::kMaxRank) return f(offset, slot);
    const auto d = static_cast<std::size_t>(dimension);
    for (std::int64_t i = 0; i < shape_[dimension]; ++i)
      along(dimension + 1, offset + i * strides_[d],
            slot + (dimension == axis_ ? i / block_ : i) * slot_strides_[d], f);
  }

  Shape shape_;
  Strides strides_;
  int axis_ = -1;
  std::int64_t block_ = 1;
  std::array<std::int64_t, Shape::kMaxRank> slot_strides_{};  ///< 0: all along this dimension share a scale
};

inline std::int32_t zero_point(const BlockedQParams& q, std::size_t slot) {
  return q.zero_points.empty() ? 0 : q.zero_points[slot];
}

/// x in units of its scale. Refuses impossible scales before anything is written.
class BlockScales {
 public:
  BlockScales(const BlockedQParams& q, ScaleArithmetic scaling)
      : divides_(scaling == ScaleArithmetic::division) {
    factors_.reserve(q.scales.size());
    for (const float scale : q.scales) {
      if (!std::isnormal(scale) || scale < 0)
        detail::throw_error(ErrorCode::invalid_argument,
                            detail::sentence("a scale is a positive normal number, not {}", scale));
      factors_.push_back(divides_ ? scale : 1.0f / scale);
    }
  }
  float operator()(float x, std::size_t slot) const {
    return divides_ ? x / factors_[slot] : x * factors_[slot];
  }

 private:
  bool divides_;
  std::vector<float> factors_;
};

/// How each scale's zero point clamps and shifts what has been scaled already; refuses impossible ones.
template <class T>
std::vector<detail::CodeMap> code_maps(const BlockedQParams& q, IntRange codes) {
  std::vector<detail::CodeMap> maps;
  maps.reserve(q.scales.size());
  for (std::size_t i = 0; i < q.scales.size(); ++i) {
    const QParams unit{1.0f, zero_point(q, i)};
    quantize(std::span<const float>{}, unit, codes, std::span<T>{});  // for its checks
    maps.emplace_back(unit, codes);
  }
  return maps;
}

template <class T>
void quantize_tensor(const TensorView& x, const BlockedQParams& q, IntRange codes, std::span<T> out,
                     ScaleArithmetic scaling) {
  const Walk walk(x.shape, x.strides, q, out.size());
  const BlockScales scaled(q, scaling);
  const auto maps = code_maps<T>(q, codes);
  walk.each([&](std::size_t element, std::ptrdiff_t offset, std::size_t slot) {
    out[element] = static_cast<T>(maps[slot].code(scaled(x.data[offset], slot)));
  });
}

template <class T>
void dequantize_tensor(std::span<const T> codes, const BlockedQParams& q, const MutableTensorView& out) {
  const Walk walk(out.shape, out.strides, q, codes.size());
  walk.each([&](std::size_t element, std::ptrdiff_t offset, std::size_t slot) {
    const std::int64_t steps = std::int64_t{codes[element]} - zero_point(q, slot);
    out.data[offset] = static_cast<float>(steps) * q.scales[slot];
  });
}

inline void refuse_zero_points(const BlockedQParams& q) {
  for (const std::int32_t z : q.zero_points)
    if (z != 0)
      detail::throw_error(ErrorCode::invalid_argument,
                          detail::sentence("a minifloat's zero point is 0, not {}", z));
}

}  // namespace detail::blocked

LOWBIT_INLINE void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes,
                            std::span<std::int32_t> out, ScaleArithmetic scaling) {
  detail::blocked::quantize_tensor(x, q, codes, out, scaling);
}
LOWBIT_INLINE void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes,
                            std::span<std::int8_t> out, ScaleArithmetic scaling) {
  detail::blocked::quantize_tensor(x, q, codes, out, scaling);
}
LOWBIT_INLINE void quantize(const TensorView& x, const BlockedQParams& q, IntRange codes,
                            std::span<std::uint8_t> out, ScaleArithmetic scaling) {
  detail::blocked::quantize_tensor(x, q, codes, out, scaling);
}

LOWBIT_INLINE void dequantize(std::span<const std::int32_t> codes, const BlockedQParams& q,
                              const MutableTensorView& out) {
  detail::blocked::dequantize_tensor(codes, q, out);
}
LOWBIT_INLINE void dequantize(std::span<const std::int8_t> codes, const BlockedQParams& q,
                              const MutableTensorView& out) {
  detail::blocked::dequantize_tensor(codes, q, out);
}
LOWBIT_INLINE void dequantize(std::span<const std::uint8_t> codes, const BlockedQParams& q,
                              const MutableTensorView& out) {
  detail::blocked::dequantize_tensor(codes, q, out);
}

LOWBIT_INLINE void quantize(const TensorView& x, const BlockedQParams& q, MiniFloat format,
                            std::span<std::uint8_t> out, minifloat::Overflow overflow,
                            ScaleArithmetic scaling) {
  using namespace detail::blocked;
  const Walk walk(x.shape, x.strides, q, out.size());
  const BlockScales scaled(q, scaling);
  refuse_zero_points(q);
  walk.each([&](std::size_t element, std::ptrdiff_t offset, std::size_t slot) {
    out[element] = minifloat::encode(format, scaled(x.data[offset], slot) + 0.0f, overflow);
  });
}

LOWBIT_INLINE void dequantize(std::span<const std::uint8_t> codes, const BlockedQParams& q, MiniFloat format,
                              const MutableTensorView& out) {
  using namespace detail::blocked;
  const Walk walk(out.shape, out.strides, q, codes.size());
  refuse_zero_points(q);
  walk.each([&](std::size_t element, std::ptrdiff_t offset, std::size_t slot) {
    out.data[offset] = minifloat::decode(format, codes[element]) * q.scales[slot];
  });
}

}  // namespace lowbit
LOWBIT_END_EXACT
