// SPDX-License-Identifier: Apache-2.0
// The choice of the loop of round_to_codes.inl, and what to do about floats that no int32 holds.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/round_to_codes.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

/// Where the codes go, and the zero points of channels or null.
struct CodeTarget {
  CodeRange range;
  const std::int32_t* zero_points;
  std::uint8_t* out;
};

/// The general way.
template <bool kSum, class Source>
std::uint32_t bounded_codes(const Source& source, const CodeTarget& t, std::size_t first, std::size_t last) {
  const auto loop = [&](auto finish) {
    return code_loop<kSum, 1>(source, finish, t.range.is_signed, first, last, t.out);
  };
  if constexpr (Source::kChannels) {
    if (t.zero_points) return loop(Bounded<true>(t.range, t.zero_points));
  }
  return loop(Bounded<false>(t.range, nullptr));
}

/// Full ranges, which are common, take fewer instructions.
template <bool kSum, class Source>
std::uint32_t plain_codes(const Source& source, const CodeTarget& t, std::size_t first, std::size_t last) {
  const CodeRange& r = t.range;
  if (!r.is_full() || last - first < Source::kUnroll * kBlock)
    return bounded_codes<kSum>(source, t, first, last);
  const auto loop = [&](auto finish) {
    return code_loop<kSum, Source::kUnroll>(source, finish, r.is_signed, first, last, t.out);
  };
  if constexpr (Source::kChannels) {
    if (t.zero_points)
      return r.is_signed ? loop(ShiftedChannels<true>{t.zero_points})
                         : loop(ShiftedChannels<false>{t.zero_points});
  }
  if constexpr (!kSum && Source::kUnroll > 1) {
    if (r.zero_point == 0) return r.is_signed ? loop(Symmetric<true>()) : loop(Symmetric<false>());
    if (r.zero_point == 128 && !r.is_signed) return loop(Flipped());
  }
  const VecW zero = broadcast_w(r.zero_point);
  return r.is_signed ? loop(Shifted<true>{zero}) : loop(Shifted<false>{zero});
}

/// n elements, at least kBlock. `fits`: all floats are known to fit an int32. Otherwise a chunk is converted
/// without looking, and again with care if one did not; a short call goes there at once.
template <bool kSum, class Source>
std::uint32_t codes_of(const Source& source, const CodeTarget& t, std::size_t n, bool fits) {
  constexpr std::size_t kChunk = 8192, kShort = 4 * kBlock;
  const bool watch = kWatchConversions && !fits;
  if (watch && n <= kShort) return bounded_codes<kSum>(Careful<Source>{source}, t, 0, n);
  InvalidFlag invalid(watch);
  std::uint32_t sum = 0;
  for (std::size_t first = 0, last; first < n; first = last) {
    last = watch && n - first >= 2 * kChunk ? first + kChunk : n;
    std::uint32_t part = plain_codes<kSum>(source, t, first, last);
    if (invalid.raised()) {
      part = bounded_codes<kSum>(Careful<Source>{source}, t, first, last);
      invalid.clear();
    }
    sum += part;
  }
  invalid.restore();
  return sum;
}

/// A copy of fewer than kBlock elements of an array, filled up with zeros; null stays null.
template <class T>
struct Padded {
  T data[kBlock] = {};
  const T* copy(const T* p, std::size_t count) {
    if (p == nullptr) return nullptr;
    __builtin_memcpy(data, p, count * sizeof(T));
    return data;
  }
};

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
