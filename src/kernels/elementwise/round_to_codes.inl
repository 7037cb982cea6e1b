// SPDX-License-Identifier: Apache-2.0
// From float vectors to 8-bit codes: the loop that quantize, requantize and add share. A source gives the
// four float vectors of the block that begins at element i, a finish turns their integers into codes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/elementwise/code_sum.inl"

namespace lowbit::kernels::elementwise_loops {
namespace {

/// The codes of one call as integers.
struct CodeRange {
  std::int32_t zero_point, qmin, qmax;
  bool is_signed;

  /// Rounding commutes with clamping, so that the ends may be rounded instead of the values.
  CodeRange(float lo, float hi, std::int32_t zero, CodeType type)
      : zero_point(zero),
        qmin(static_cast<std::int32_t>(__builtin_rintf(lo)) + zero),
        qmax(static_cast<std::int32_t>(__builtin_rintf(hi)) + zero),
        is_signed(type == CodeType::s8) {}

  /// What is added to an s8 code where both types go through s8.
  std::int32_t bias() const { return is_signed ? 0 : 128; }
  /// Whether saturation to the type does all of the clamping.
  bool is_full() const { return is_signed ? qmin <= -128 && qmax >= 127 : qmin <= 0 && qmax >= 255; }
};

/// One value for each element, or one for all.
template <class T>
class Channels {
 public:
  Channels(const T* array, T value) : array_(array), mask_(array ? ~std::size_t{0} : 0) {
    for (T& v : same_) v = value;
  }
  /// Of the block that begins at element i.
  const T* at(std::size_t i) const { return (array_ ? array_ : same_) + (i & mask_); }

 private:
  const T* array_;
  std::size_t mask_;
  T same_[kBlock];
};

// Finishes: the int16 steps of elements i to i + kBlock to codes. The first four are for full ranges.

template <bool kSigned>
inline VecB pack_codes(VecW a, VecW b) {
  if constexpr (kSigned) {
    return pack_s8(a, b);
  } else {
    return pack_u8(a, b);
  }
}

/// Zero point 0.
template <bool kSigned>
struct Symmetric {
  VecB operator()(VecW a, VecW b, std::size_t) const { return pack_codes<kSigned>(a, b); }
};

/// u8 with zero point 128: s8 with the sign bit flipped.
struct Flipped {
  // Written out: one that the compiler makes is not compiled for the instruction set of a target region.
  Flipped() : sign(broadcast_b(128)) {}
  VecB sign;
  VecB operator()(VecW a, VecW b, std::size_t) const { return xor_b(pack_s8(a, b), sign); }
};

template <bool kSigned>
struct Shifted {
  VecW zero;
  VecB operator()(VecW a, VecW b, std::size_t) const {
    return pack_codes<kSigned>(add_words_saturating(a, zero), add_words_saturating(b, zero));
  }
};

/// Zero points of a block as words, in the order of pack_words.
struct ZeroWords {
  VecW a, b;
  explicit ZeroWords(const std::int32_t* z)
      : a(pack_words(load_i(z), load_i(z + kLanes))),
        b(pack_words(load_i(z + 2 * kLanes), load_i(z + 3 * kLanes))) {}
};

/// A zero point for each element.
template <bool kSigned>
struct ShiftedChannels {
  const std::int32_t* zero_points;
  VecB operator()(VecW a, VecW b, std::size_t i) const {
    const ZeroWords zero(zero_points + i);
    return pack_codes<kSigned>(add_words_saturating(a, zero.a), add_words_saturating(b, zero.b));
  }
};

/// Both types, any range: a u8 code is made as an s8 code 128 lower. kChannels as in ShiftedChannels.
template <bool kChannels>
class Bounded {
 public:
  Bounded(const CodeRange& r, const std::int32_t* zero_points)
      : zero_points_(zero_points),
        minus_bias_(broadcast_w(-r.bias())),
        zero_(broadcast_w(r.zero_point - r.bias())),
        qmin_(broadcast_b(r.qmin - r.bias())),
        qmax_(broadcast_b(r.qmax - r.bias())),
        flip_(broadcast_b(r.bias())) {}
  VecB operator()(VecW a, VecW b, std::size_t i) const {
    VecW zero_a = zero_, zero_b = zero_;
    if constexpr (kChannels) {
      const ZeroWords zero(zero_points_ + i);
      zero_a = add_words_saturating(zero.a, minus_bias_);
      zero_b = add_words_saturating(zero.b, minus_bias_);
    }
    return xor_b(
        clamp_s8(pack_s8(add_words_saturating(a, zero_a), add_words_saturating(b, zero_b)), qmin_, qmax_),
        flip_);
  }

 private:
  const std::int32_t* zero_points_;
  VecW minus_bias_, zero_;
  VecB qmin_, qmax_, flip_;
};

/// A source whose floats may not fit an int32: NaN becomes 0, and what lies beyond all codes is cut off.
template <class Source>
struct Careful {
  static constexpr bool kChannels = Source::kChannels;
  Source source;
  VecF lo = broadcast_f(-1024.0f), hi = broadcast_f(1024.0f);
  auto block(std::size_t i) const {
    return [this, raw = source.block(i)](unsigned v) {
      return clamp_above(clamp_below(nan_to_zero(raw(v)), lo), hi);
    };
  }
};

template <class Source, class Finish>
inline VecB code_block(const Source& source, const Finish& finish, std::size_t i) {
  const auto f = source.block(i);
  const VecW a = pack_words(round_to_int(f(0)), round_to_int(f(1)));
  const VecW b = pack_words(round_to_int(f(2)), round_to_int(f(3)));
  return in_order(finish(a, b, i));
}

/// Elements [first, last), at least kUnroll blocks, kUnroll blocks a turn. The last turn ends at the last
/// element and overlaps the one before. Returns the sum of the codes if kSum.
template <bool kSum, unsigned kUnroll, class Source, class Finish>
std::uint32_t code_loop(Source source, Finish finish, bool is_signed, std::size_t first, std::size_t last,
                        std::uint8_t* out) {
  constexpr std::size_t kTurn = kUnroll * kBlock;
  CodeSum sum(is_signed);
  std::size_t i = first;
  for (; i < last - kTurn; i += kTurn) {
#pragma GCC unroll 4
    for (unsigned u = 0; u < kUnroll; ++u) {
      const VecB codes = code_block(source, finish, i + u * kBlock);
      store_b(out + i + u * kBlock, codes);
      if constexpr (kSum) sum.add(codes);
    }
  }
  const std::size_t done = i - (last - kTurn);
  i = last - kTurn;
  for (unsigned u = 0; u < kUnroll; ++u) {
    const VecB codes = code_block(source, finish, i + u * kBlock);
    store_b(out + i + u * kBlock, codes);
    if constexpr (kSum) sum.add_from(codes, done, u * kBlock);
  }
  return kSum ? sum.total(last - first) : 0;
}

}  // namespace
}  // namespace lowbit::kernels::elementwise_loops
