// quantize, requantize and add_u8 over the loop of float_codes.inl: their sources, the choice of the finish,
// and what to do about floats that no int32 holds. Included once, inside namespace lowbit, after it.
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
    if (r.zero_point == 128) return loop(Flipped());
  }
  const VecW zero = broadcast_w(r.zero_point);
  return r.is_signed ? loop(Shifted<true>{zero}) : loop(Shifted<false>{zero});
}

/// n elements, at least kBlock. `fits`: all floats are known to fit an int32. Otherwise a chunk is converted
/// without looking, and again with care if one did not; a short call goes there at once.
template <bool kSum, class Source>
std::uint32_t codes_of(const Source& source, const CodeTarget& t, std::size_t n, bool fits) {
  constexpr std::size_t kChunk = 8192, kShort = 4 * kBlock;
  if (!kWatchConversions || fits) return plain_codes<kSum>(source, t, 0, n);
  if (n <= kShort) return bounded_codes<kSum>(Careful<Source>{source}, t, 0, n);
  InvalidFlag invalid;
  std::uint32_t sum = 0;
  for (std::size_t first = 0, last; first < n; first = last) {
    last = n - first >= 2 * kChunk ? first + kChunk : n;
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

// Sources. kUnroll: blocks of a turn of the loop. kChannels: may go with an array of zero points.

struct ScaledFloats {
  static constexpr unsigned kUnroll = 4;
  static constexpr bool kChannels = false;
  const float* x;
  VecF inverse_scale;
  auto block(std::size_t i) const {
    return [this, p = x + i](unsigned v) { return mul_f(load_f(p + v * kLanes), inverse_scale); };
  }
};

struct ChannelScaledFloats {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = true;
  const float* x;
  Channels<float> inverse_scale;
  auto block(std::size_t i) const {
    return [p = x + i, s = inverse_scale.at(i)](unsigned v) {
      return mul_f(load_f(p + v * kLanes), load_f(s + v * kLanes));
    };
  }
};

template <bool kSum>
std::uint32_t quantize_full(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out) {
  const CodeTarget target = {{q.lo, q.hi, q.zero_point, q.type}, q.zero_points, out};
  if (q.inverse_scales || q.zero_points)
    return codes_of<kSum>(ChannelScaledFloats{x, {q.inverse_scales, q.inverse_scale}}, target, n, false);
  return codes_of<kSum>(ScaledFloats{x, broadcast_f(q.inverse_scale)}, target, n, false);
}

void quantize_short(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out,
                    std::int32_t* sum) {
  Padded<float> in, scales;
  Padded<std::int32_t> zeros;
  QuantizeParams padded = q;
  padded.inverse_scales = scales.copy(q.inverse_scales, n);
  padded.zero_points = zeros.copy(q.zero_points, n);
  std::uint8_t codes[kBlock];
  quantize_full<false>(in.copy(x, n), kBlock, padded, codes);
  __builtin_memcpy(out, codes, n);
  if (sum == nullptr) return;
  *sum = 0;
  for (std::size_t i = 0; i < n; ++i)
    *sum += q.type == CodeType::s8 ? static_cast<std::int8_t>(codes[i]) : std::int32_t{codes[i]};
}

void quantize(const float* x, std::size_t n, const QuantizeParams& q, void* codes, std::int32_t* sum) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (n < kBlock) {
    quantize_short(x, n, q, out, sum);
  } else if (sum) {
    *sum = static_cast<std::int32_t>(quantize_full<true>(x, n, q, out));
  } else {
    quantize_full<false>(x, n, q, out);
  }
}

struct ScaledSums {
  static constexpr unsigned kUnroll = 4;
  static constexpr bool kChannels = false;
  const std::int32_t* x;
  VecF multiplier;
  auto block(std::size_t i) const {
    return [this, p = x + i](unsigned v) { return mul_f(to_float(load_i(p + v * kLanes)), multiplier); };
  }
};

template <bool kAddends>
struct ChannelScaledSums {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = false;
  const std::int32_t* x;
  Channels<float> multiplier, addend;
  auto block(std::size_t i) const {
    return [p = x + i, m = multiplier.at(i), a = addend.at(i)](unsigned v) {
      const VecF f = mul_f(to_float(load_i(p + v * kLanes)), load_f(m + v * kLanes));
      return kAddends ? add_f(f, load_f(a + v * kLanes)) : f;
    };
  }
};

void requantize_full(const std::int32_t* x, std::size_t n, const RequantizeParams& q, std::uint8_t* out) {
  const CodeTarget target = {{q.lo, q.hi, q.zero_point, q.type}, nullptr, out};
  if (q.addends || q.addend != 0.0f) {
    const ChannelScaledSums<true> source{x, {q.multipliers, q.multiplier}, {q.addends, q.addend}};
    codes_of<false>(source, target, n, false);
  } else if (q.multipliers) {
    const ChannelScaledSums<false> source{x, {q.multipliers, q.multiplier}, {nullptr, 0.0f}};
    codes_of<false>(source, target, n, false);
  } else {
    const bool fits = q.multiplier < 1.0f && q.multiplier > -1.0f;
    codes_of<false>(ScaledSums{x, broadcast_f(q.multiplier)}, target, n, fits);
  }
}

void requantize(const std::int32_t* x, std::size_t n, const RequantizeParams& q, void* codes) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (n >= kBlock) return requantize_full(x, n, q, out);
  Padded<std::int32_t> in;
  Padded<float> multipliers, addends;
  RequantizeParams padded = q;
  padded.multipliers = multipliers.copy(q.multipliers, n);
  padded.addends = addends.copy(q.addends, n);
  std::uint8_t block[kBlock];
  requantize_full(in.copy(x, n), kBlock, padded, block);
  __builtin_memcpy(out, block, n);
}

struct CodeSums {
  static constexpr unsigned kUnroll = 1;
  static constexpr bool kChannels = false;
  const std::uint8_t *a, *b;
  VecF a_zero, b_zero, a_multiplier, b_multiplier;
  auto block(std::size_t i) const {
    return [this, p = a + i, q = b + i](unsigned v) {
      const VecF fa = sub_f(to_float(load_codes_u8(p + v * kLanes)), a_zero);
      const VecF fb = sub_f(to_float(load_codes_u8(q + v * kLanes)), b_zero);
      return add_f(mul_f(fa, a_multiplier), mul_f(fb, b_multiplier));
    };
  }
};

void add_full(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
              std::uint8_t* out) {
  const CodeSums source = {a,
                           b,
                           broadcast_f(p.a_zero),
                           broadcast_f(p.b_zero),
                           broadcast_f(p.a_multiplier),
                           broadcast_f(p.b_multiplier)};
  codes_of<false>(source, {{p.lo, p.hi, p.zero_point, CodeType::u8}, nullptr, out}, n, false);
}

void add_u8(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
            std::uint8_t* out) {
  if (n >= kBlock) return add_full(a, b, n, p, out);
  Padded<std::uint8_t> in_a, in_b;
  std::uint8_t block[kBlock];
  add_full(in_a.copy(a, n), in_b.copy(b, n), kBlock, p, block);
  __builtin_memcpy(out, block, n);
}

}  // namespace
