// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/sentence.h"
#include "lowbit/kernels/elementwise_kernel.h"
#include "lowbit/observe/detail/state_bytes.h"
#include "lowbit/observe/minmax.h"
#include "lowbit/runtime/detail/float_env.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::minmax {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace detail::minmax

LOWBIT_INLINE void MinMaxObserver::observe(std::span<const float> x) {
  using namespace detail::minmax;
  const FloatEnvironmentGuard defaults;
  // In pieces, each read again if something in it is not finite.
  constexpr std::size_t kChecked = 4096;
  for (std::size_t i = 0; i < x.size(); i += kChecked) {
    const auto piece = x.subspan(i, std::min(kChecked, x.size() - i));
    float low = kInfinity, high = -kInfinity;
    non_finite_ += kernels::elementwise().min_max(piece.data(), piece.size(), &low, &high);  // -0 becomes +0
    min_ = low < min_ ? low : min_;
    max_ = high > max_ ? high : max_;
  }
}

LOWBIT_INLINE void MinMaxObserver::merge(const MinMaxObserver& other) {
  const FloatEnvironmentGuard defaults;
  min_ = other.min_ < min_ ? other.min_ : min_;
  max_ = other.max_ > max_ ? other.max_ : max_;
  non_finite_ += other.non_finite_;
}

LOWBIT_INLINE Range MinMaxObserver::range(IntRange) const {
  return min_ <= max_ ? Range{min_, max_} : Range{0.0f, 0.0f};
}

LOWBIT_INLINE std::vector<std::byte> MinMaxObserver::state() const {
  detail::StateWriter out;
  out.put(min_), out.put(max_), out.put(non_finite_);
  return out.take();
}

LOWBIT_INLINE void MinMaxObserver::set_state(std::span<const std::byte> bytes) {
  using namespace detail::minmax;
  detail::StateReader in(bytes);
  MinMaxObserver read;
  read.min_ = in.get<float>(), read.max_ = in.get<float>(), read.non_finite_ = in.get<std::uint64_t>();
  in.finish();
  const bool nothing = read.min_ == kInfinity && read.max_ == -kInfinity;
  const bool minus_zero =
      (read.min_ == 0 && std::signbit(read.min_)) || (read.max_ == 0 && std::signbit(read.max_));
  if (!nothing && !(read.min_ <= read.max_ && read.max_ < kInfinity && read.min_ > -kInfinity && !minus_zero))
    detail::throw_error(
        ErrorCode::corrupt_file,
        detail::sentence("the state of an observer has a range from {} to {}", read.min_, read.max_));
  *this = read;
}

}  // namespace lowbit
LOWBIT_END_EXACT
