// SPDX-License-Identifier: Apache-2.0
// Encoding one float as a small float, for minifloat-inl.h and for the elementwise kernels, which compile it
// for their instruction sets. Without branches, so that loops of it become vector code on every processor.
// Included inside a namespace: in a kernel an anonymous one, so that no linker keeps its copy for the whole
// program.

/// The code is the low byte of the result; what is above is arbitrary. `limit`: the largest finite value,
/// which larger ones become, or the one behind it, which encodes as infinity or NaN. kNan: whether the format
/// has one; else NaN becomes +0.
template <int kBits, int kMantissa, int kBias, bool kNan>
inline std::uint32_t encode_element(float x, float limit) {
  constexpr int kFloatMantissa = 23, kFloatBias = 127;
  constexpr std::uint32_t kMagnitude = 0x7FFFFFFF, kInfinity = 0x7F800000;
  constexpr std::uint32_t kDropped = kFloatMantissa - kMantissa;
  constexpr std::uint32_t kNormal = static_cast<std::uint32_t>(1 - kBias + kFloatBias) << kFloatMantissa;
  // NaN stays. With its sign and before any bit of x is looked at: else GCC turns the choices into branches.
  x = x < -limit ? -limit : x;
  x = x > limit ? limit : x;
  const auto all = __builtin_bit_cast(std::uint32_t, x), magnitude = all & kMagnitude;
  // By how many binades x lies above those of the smallest normal value, in the place of the exponent; zero
  // below it, where the steps between values stay as they are.
  const auto above = static_cast<std::int32_t>((all & kInfinity) - kNormal);
  const auto binade = static_cast<std::uint32_t>(above & ~(above >> 31));
  // The power of two whose float steps are the steps of the format at x. Adding it makes the processor round
  // to nearest and even, and leaves |x| / step in the low bits of the sum. From the smallest normal value on
  // that has the leading bit, one in the exponent field, which the binades hence do not count.
  const auto power = __builtin_bit_cast(float, binade + (kNormal + (kDropped << kFloatMantissa)));
  const float sum = __builtin_bit_cast(float, magnitude) + power;
  const std::uint32_t number = __builtin_bit_cast(std::uint32_t, sum) + (binade >> kDropped);
  const std::uint32_t sign = all >> (32 - kBits) & (1u << (kBits - 1));
  // All ones or zero; as a condition it would become a branch. The sum then has bits of x's payload.
  const auto nan = static_cast<std::uint32_t>(static_cast<std::int32_t>(kInfinity - magnitude) >> 31);
  return kNan ? ((number | nan) & 0x7F) | sign : (number | sign) & ~nan;
}

/// out[i] = code of x[i] * inverse_scale.
template <int kBits, int kMantissa, int kBias, bool kNan>
inline void encode_elements(const float* x, std::size_t n, float inverse_scale, float limit,
                            std::uint8_t* out) {
  // In a single loop compilers narrow every intermediate value to a byte. The second one picks bytes instead
  // of converting integers, which without SSE4.1 takes twice the instructions.
  constexpr std::size_t kEncodeBlock = 1024;
  std::uint32_t codes[kEncodeBlock];
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(codes);
  for (std::size_t begin = 0; begin < n; begin += kEncodeBlock) {
    const std::size_t count = n - begin < kEncodeBlock ? n - begin : kEncodeBlock;
    const float* from = x + begin;
    std::uint8_t* to = out + begin;
    for (std::size_t i = 0; i < count; ++i)
      codes[i] = encode_element<kBits, kMantissa, kBias, kNan>(from[i] * inverse_scale, limit);
    for (std::size_t i = 0; i < count; ++i) to[i] = bytes[4 * i];
  }
}
