// From float vectors to 8-bit codes: the loop that quantize, requantize and add share. A source says what
// the floats of element i on are, a finish turns their integers into codes. Included once, inside namespace
// lowbit, after vec_<isa>.inl and codes_<isa>.inl and code_sum.inl.
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

  /// Whether saturation to the type does all of the clamping.
  bool is_full() const { return is_signed ? qmin <= -128 && qmax >= 127 : qmin <= 0 && qmax >= 255; }
};

/// One value for each element, or one for all.
template <class T>
class Channels {
 public:
  Channels(const T* array, T value) : array_(array) {
    for (T& v : same_) v = value;
  }
  /// Of element i on: kLanes values.
  const T* at(std::size_t i) const { return array_ ? array_ + i : same_; }

 private:
  const T* array_;
  T same_[kLanes];
};

// Finishes: the int16 steps of elements i to i + kBlock to codes. The first three are for full ranges.

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
  VecB sign = broadcast_b(128);
  VecB operator()(VecW a, VecW b, std::size_t) const { return xor_b(pack_s8(a, b), sign); }
};

template <bool kSigned>
struct Shifted {
  VecW zero;
  VecB operator()(VecW a, VecW b, std::size_t) const {
    return pack_codes<kSigned>(add_words(a, zero), add_words(b, zero));
  }
};

/// Both types, any range: a u8 code is made as an s8 code 128 lower.
class Bounded {
 public:
  explicit Bounded(const CodeRange& r) : Bounded(r.is_signed ? 0 : 128, r) {}
  VecB operator()(VecW a, VecW b, std::size_t) const {
    return clamped(add_words(a, zero_), add_words(b, zero_));
  }

 protected:
  Bounded(std::int32_t bias, const CodeRange& r)
      : minus_bias_(broadcast_w(-bias)),
        zero_(broadcast_w(r.zero_point - bias)),
        qmin_(broadcast_b(r.qmin - bias)),
        qmax_(broadcast_b(r.qmax - bias)),
        flip_(broadcast_b(bias)) {}
  VecB clamped(VecW a, VecW b) const { return xor_b(clamp_s8(pack_s8(a, b), qmin_, qmax_), flip_); }

  VecW minus_bias_;

 private:
  VecW zero_;
  VecB qmin_, qmax_, flip_;
};

/// The same with a zero point for each element.
class BoundedChannels : private Bounded {
 public:
  BoundedChannels(const CodeRange& r, const std::int32_t* zero_points)
      : Bounded(r), zero_(zero_points, r.zero_point) {}
  VecB operator()(VecW a, VecW b, std::size_t i) const {
    return clamped(add_words(a, zero(i)), add_words(b, zero(i + 2 * kLanes)));
  }

 private:
  VecW zero(std::size_t i) const {
    return add_words(pack_words(load_i(zero_.at(i)), load_i(zero_.at(i + kLanes))), minus_bias_);
  }

  Channels<std::int32_t> zero_;
};

/// A source whose floats may not fit an int32: NaN becomes 0, and what lies beyond all codes is cut off.
template <class Source>
struct Careful {
  Source source;
  VecF lo = broadcast_f(-1024.0f), hi = broadcast_f(1024.0f);
  VecF operator()(std::size_t i) const { return clamp_above(clamp_below(nan_to_zero(source(i)), lo), hi); }
};

template <class Source, class Finish>
inline VecB code_block(const Source& source, const Finish& finish, std::size_t i) {
  const VecF f0 = source(i), f1 = source(i + kLanes);
  const VecW a = pack_words(round_to_int(f0), round_to_int(f1));
  const VecF f2 = source(i + 2 * kLanes), f3 = source(i + 3 * kLanes);
  const VecW b = pack_words(round_to_int(f2), round_to_int(f3));
  return in_order(finish(a, b, i));
}

/// Elements [first, last) of at least kBlock. The last block overlaps the one before where they are not a
/// multiple. Returns the sum of the codes if kSum.
template <bool kSum, unsigned kUnroll, class Source, class Finish>
std::uint32_t code_loop(Source source, Finish finish, bool is_signed, std::size_t first, std::size_t last,
                        std::uint8_t* out) {
  CodeSum sum(is_signed);
  const auto block = [&](std::size_t i) {
    const VecB codes = code_block(source, finish, i);
    if constexpr (kSum) sum.add(codes);
    store_b(out + i, codes);
  };
  std::size_t i = first;
  for (; i + kUnroll * kBlock <= last; i += kUnroll * kBlock)
#pragma GCC unroll 4
    for (unsigned u = 0; u < kUnroll; ++u) block(i + u * kBlock);
  for (; i + kBlock <= last; i += kBlock) block(i);
  if (i < last) {
    const VecB codes = code_block(source, finish, last - kBlock);
    if constexpr (kSum) sum.add_last(codes, last - i);
    store_b(out + (last - kBlock), codes);
  }
  return kSum ? sum.total(last - first) : 0;
}

}  // namespace
