// Codes of values that are no uniform grid: ranks among thresholds, and small floats. Plain loops, which the
// compiler turns into vector code for the file's instruction set; integers and comparisons give the same bits on
// each. Included once, inside namespace lowbit.
#include "core/minifloat_encode.inl"

namespace {

/// ranks[i] = how many thresholds are below x[i] * inverse_scale, which is 0 for NaN.
void rank_among(const float* x, std::size_t n, float inverse_scale, const float* thresholds, std::size_t count,
                std::uint8_t* ranks) {
  constexpr std::size_t kRankBlock = 32;  // stay in registers while the thresholds pass
  for (std::size_t begin = 0; begin < n; begin += kRankBlock) {
    const std::size_t left = n - begin, size = left < kRankBlock ? left : kRankBlock;
    float v[kRankBlock] = {};
    std::int32_t above[kRankBlock] = {};
    __builtin_memcpy(v, x + begin, size * sizeof(float));
    for (std::size_t i = 0; i < kRankBlock; ++i) {
      const float scaled = v[i] * inverse_scale;
      v[i] = scaled == scaled ? scaled : 0.0f;
    }
    for (std::size_t t = 0; t < count; ++t) {
      const float limit = thresholds[t];
      for (std::size_t i = 0; i < kRankBlock; ++i) above[i] += v[i] > limit ? 1 : 0;
    }
    for (std::size_t i = 0; i < size; ++i) ranks[begin + i] = static_cast<std::uint8_t>(above[i]);
  }
}

void encode_minifloat(const float* x, std::size_t n, float inverse_scale, int bits, int mantissa,
                      std::uint8_t* codes) {
  if (bits == 4) return encode_elements<4, 1, 1, false>(x, n, inverse_scale, 6.0f, codes);
  if (bits == 6 && mantissa == 3) return encode_elements<6, 3, 1, false>(x, n, inverse_scale, 7.5f, codes);
  if (bits == 6) return encode_elements<6, 2, 3, false>(x, n, inverse_scale, 28.0f, codes);
  if (mantissa == 3) return encode_elements<8, 3, 7, true>(x, n, inverse_scale, 448.0f, codes);
  encode_elements<8, 2, 15, true>(x, n, inverse_scale, 57344.0f, codes);
}

}  // namespace
