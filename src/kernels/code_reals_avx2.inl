// The codes of one tensor as floats for AVX2. A load that widens codes costs two of the four instructions
// that this takes for a vector, so 16 codes are loaded into both 128-bit lanes at once and one byte shuffle
// makes floats of 8 of them. Included once, inside namespace lowbit, after codes_avx2.inl.
namespace {

template <bool kSigned>
class CodeReals;

/// u8: between the codes of a lane lies the byte 0x4B. The shuffle puts a code into the low byte and 0x4B
/// into the high byte of a dword, which is the float 2^23 + code.
///
///   lane 0:  c0..c3 | 4B ...  | c8..c11 | 4B ...       lane 1:  4B ... | c4..c7 | 4B ... | c12..c15
template <>
class CodeReals<false> {
 public:
  explicit CodeReals(const DequantizeParams& q)
      : zero_(broadcast_f(8388608.0f + static_cast<float>(q.zero_point))), scale_(broadcast_f(q.scale)) {}

  static bool takes(float /*scale*/) { return true; }

  void store_block(float* out, const std::uint8_t* codes) const {
    store_half(out, codes);
    store_half(out + 16, codes + 16);
  }

 private:
  void store_half(float* out, const std::uint8_t* codes) const {
    const __m256i exponent = _mm256_set1_epi8(0x4B);
    const __m256i low = _mm256_setr_epi8(0, -1, -1, 4, 1, -1, -1, 4, 2, -1, -1, 4, 3, -1, -1, 4,  //
                                         4, -1, -1, 0, 5, -1, -1, 0, 6, -1, -1, 0, 7, -1, -1, 0);
    const __m256i high = _mm256_setr_epi8(8, -1, -1, 4, 9, -1, -1, 4, 10, -1, -1, 4, 11, -1, -1, 4,  //
                                          12, -1, -1, 0, 13, -1, -1, 0, 14, -1, -1, 0, 15, -1, -1, 0);
    const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m256i v = _mm256_blend_epi32(_mm256_broadcastsi128_si256(c), exponent, 0x5A);
    store(out, _mm256_shuffle_epi8(v, low));
    store(out + 8, _mm256_shuffle_epi8(v, high));
  }
  void store(float* out, __m256i f) const {
    store_f(out, mul_f(sub_f(_mm256_castsi256_ps(f), zero_), scale_));
  }

  VecF zero_, scale_;
};

/// s8: the shuffle puts a code into the high byte of a dword, code * 2^24.
template <>
class CodeReals<true> {
 public:
  explicit CodeReals(const DequantizeParams& q)
      : zero_(broadcast_f(static_cast<float>(q.zero_point) * 0x1p24f)),
        scale_(broadcast_f(q.scale * 0x1p-24f)),
        symmetric_(q.zero_point == 0) {}

  /// scale * 2^-24 must be exact.
  static bool takes(float scale) { return scale >= 0x1p-100f || scale <= -0x1p-100f; }

  void store_block(float* out, const std::uint8_t* codes) const {
    store_half(out, codes);
    store_half(out + 16, codes + 16);
  }

 private:
  void store_half(float* out, const std::uint8_t* codes) const {
    const __m256i low = _mm256_setr_epi8(-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3,  //
                                         -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, 6, -1, -1, -1, 7);
    const __m256i high = _mm256_setr_epi8(-1, -1, -1, 8, -1, -1, -1, 9, -1, -1, -1, 10, -1, -1, -1, 11,  //
                                          -1, -1, -1, 12, -1, -1, -1, 13, -1, -1, -1, 14, -1, -1, -1, 15);
    const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m256i v = _mm256_broadcastsi128_si256(c);
    store(out, _mm256_shuffle_epi8(v, low));
    store(out + 8, _mm256_shuffle_epi8(v, high));
  }
  void store(float* out, __m256i code) const {
    const VecF f = to_float(code);
    store_f(out, mul_f(symmetric_ ? f : sub_f(f, zero_), scale_));
  }

  VecF zero_, scale_;
  bool symmetric_;
};

}  // namespace
