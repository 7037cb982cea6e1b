// SPDX-License-Identifier: Apache-2.0
// The scalar elementwise loops, written out one element at a time: what every other entry must give, bit for
// bit. Included inside a namespace, after nearest_level.inl and elementwise_kernel.h: in
// elementwise_scalar.cc an anonymous one, so that no linker keeps its copy for the whole program; a
// header-only program has no others.

inline std::int32_t code_of(float f, float lo, float hi, std::int32_t zero_point) {
  f = f == f ? f : 0.0f;
  f = f < lo ? lo : f;
  f = f > hi ? hi : f;
  // Rounds to nearest even, as core/detail/round_to_code.h does.
  return static_cast<std::int32_t>((f + 12582912.0f) - 12582912.0f) + zero_point;
}

inline std::uint8_t byte_of(std::int32_t code) {
  return static_cast<std::uint8_t>(code);
}
inline std::int32_t code_in(std::uint8_t byte, CodeType type) {
  return type == CodeType::s8 ? std::int32_t{static_cast<std::int8_t>(byte)} : std::int32_t{byte};
}

/// array[i], or `value` where there is no array; kArray lets the loops without arrays be vectorized.
template <bool kArray, class T>
T at(const T* array, T value, std::size_t i) {
  if constexpr (!kArray) return value;
  return array ? array[i] : value;
}

template <bool kChannels>
void quantize_all(const float* x, std::size_t n, const QuantizeParams& q, std::uint8_t* out) {
  const QuantizeParams p = q;  // a copy that `out` cannot alias
  const auto zero = static_cast<float>(p.zero_point);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t zero_point = at<kChannels>(p.zero_points, p.zero_point, i);
    const float moved = static_cast<float>(zero_point) - zero;
    const float f = x[i] * at<kChannels>(p.inverse_scales, p.inverse_scale, i);
    out[i] = byte_of(code_of(f, p.lo - moved, p.hi - moved, zero_point));
  }
}

inline void quantize(const float* x, std::size_t n, const QuantizeParams& q, void* codes, std::int32_t* sum) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (q.inverse_scales || q.zero_points) {
    quantize_all<true>(x, n, q, out);
  } else {
    quantize_all<false>(x, n, q, out);
  }
  if (sum == nullptr) return;
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < n; ++i) total += static_cast<std::uint32_t>(code_in(out[i], q.type));
  *sum = static_cast<std::int32_t>(total);
}

template <bool kChannels>
void dequantize_all(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t steps = code_in(x[i], q.type) - at<kChannels>(q.zero_points, q.zero_point, i);
    out[i] = static_cast<float>(steps) * at<kChannels>(q.scales, q.scale, i);
  }
}

inline void dequantize(const void* codes, std::size_t n, const DequantizeParams& q, float* out) {
  const auto* x = static_cast<const std::uint8_t*>(codes);
  if (q.scales || q.zero_points) {
    dequantize_all<true>(x, n, q, out);
  } else {
    dequantize_all<false>(x, n, q, out);
  }
}

template <bool kChannels>
void requantize_all(const std::int32_t* x, std::size_t n, const RequantizeParams& q, std::uint8_t* out) {
  const RequantizeParams p = q;
  for (std::size_t i = 0; i < n; ++i) {
    float f = static_cast<float>(x[i]) * at<kChannels>(p.multipliers, p.multiplier, i);
    f = f + at<kChannels>(p.addends, p.addend, i);
    out[i] = byte_of(code_of(f, p.lo, p.hi, p.zero_point));
  }
}

inline void requantize(const std::int32_t* x, std::size_t n, const RequantizeParams& q, void* codes) {
  auto* out = static_cast<std::uint8_t*>(codes);
  if (q.multipliers || q.addends) {
    requantize_all<true>(x, n, q, out);
  } else {
    requantize_all<false>(x, n, q, out);
  }
}

inline std::size_t min_max(const float* x, std::size_t n, float* min, float* max) {
  float low = __builtin_inff(), high = -low;
  std::size_t finite = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!(x[i] - x[i] == 0.0f)) continue;
    ++finite;
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  // Which of -0 and +0 is met first depends on the number of lanes: both become +0.
  *min = low + 0.0f;
  *max = high + 0.0f;
  return n - finite;
}

inline void add_u8(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
                   std::uint8_t* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const float fa = (static_cast<float>(a[i]) - p.a_zero) * p.a_multiplier;
    const float fb = (static_cast<float>(b[i]) - p.b_zero) * p.b_multiplier;
    out[i] = byte_of(code_of(fa + fb, p.lo, p.hi, p.zero_point));
  }
}

inline std::int32_t sum_u8(const std::uint8_t* x, std::size_t n) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  return static_cast<std::int32_t>(sum);
}

inline void map_u8(const std::uint8_t* x, std::size_t n, const std::uint8_t* table, std::uint8_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = table[x[i]];
}

inline void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* bytes) {
  const std::size_t per_byte = bits == 4 ? 2 : 4;
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t first = 0; first < n; first += per_byte) {
    unsigned byte = 0;
    for (std::size_t t = 0; t < per_byte && first + t < n; ++t)
      byte |= (codes[first + t] & mask) << (static_cast<unsigned>(bits) * t);
    bytes[first / per_byte] = static_cast<std::uint8_t>(byte);
  }
}

inline void unpack(const std::uint8_t* bytes, std::size_t n, int bits, std::uint8_t* codes) {
  const std::size_t per_byte = bits == 4 ? 2 : 4;
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < n; ++i)
    codes[i] = static_cast<std::uint8_t>(
        (unsigned{bytes[i / per_byte]} >> (static_cast<unsigned>(bits) * (i % per_byte))) & mask);
}

constexpr ElementwiseKernel scalar_kernel() {
  return {.name = "elementwise/scalar",
          .required = Isa::scalar,
          .quantize = quantize,
          .dequantize = dequantize,
          .requantize = requantize,
          .min_max = min_max,
          .add_u8 = add_u8,
          .sum_u8 = sum_u8,
          .map_u8 = map_u8,
          .pack = pack,
          .unpack = unpack,
          .rank = rank_among,
          .encode_minifloat = encode_minifloat};
}
