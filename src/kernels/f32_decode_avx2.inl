// Decoding weights to floats with AVX2, for f32_tile.inl. Included once, inside namespace lowbit, after
// f32_panel.inl.
namespace {

/// Where a weight comes from: code - 8, code - a zero point, a table, a table for each column.
enum class Kind { middle, zeros, table, row_table };

constexpr unsigned tile_vecs(unsigned rows) {
  return rows <= 2 ? 4 : rows == 4 ? 2 : 1;
}

inline VecI load_codes(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline VecI next_code(VecI codes) {
  return _mm256_srli_epi32(codes, kCodeBits);
}
inline VecF load_halves(const std::byte* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline VecF load_bytes_f(const std::byte* p) {
  return to_float(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}

/// A code in the lowest bits of the float 2^23 is added to it; all differences are exact.
constexpr float kMagic = 8388608.0f;

template <Kind kKind>
struct Decoder {
  static constexpr bool kInPlace = kKind == Kind::middle;
  Decoder() = default;
  Decoder(const float*, unsigned) {}
  static VecF zero(VecF z) { return add_f(z, broadcast_f(kMagic)); }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF zero, unsigned) const {
    const VecI code = _mm256_and_si256(codes, broadcast_i(15));
    const VecF magic = _mm256_or_ps(_mm256_castsi256_ps(code), broadcast_f(kMagic));
    return sub_f(magic, kKind == Kind::middle ? broadcast_f(kMagic + 8.0f) : zero);
  }
  /// A code 4 * t bits further up is as good in the lowest bits of a float 16^t times smaller, as long as it
  /// stays clear of the exponent.
  inline __attribute__((always_inline)) VecF weight_in_place(VecI& codes, unsigned t) const {
    if (t == 5) codes = _mm256_srli_epi32(codes, 20);
    const unsigned up = 4 * (t < 5 ? t : t - 5);
    const VecI code = _mm256_and_si256(codes, broadcast_i(static_cast<std::int32_t>(15u << up)));
    const float magic = kMagic / static_cast<float>(1u << up);
    return sub_f(_mm256_or_ps(_mm256_castsi256_ps(code), broadcast_f(magic)), broadcast_f(magic + 8.0f));
  }
};

/// Sixteen levels in two registers: vpermps looks at the lowest 3 bits of each lane, the fourth selects.
template <unsigned kBits>
struct TableDecoder {
  static constexpr bool kInPlace = false;
  VecF low, high;

  TableDecoder() = default;
  TableDecoder(const float* table, unsigned) : low(load_f(table)), high(load_f(table + 8)) {}
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const {
    const VecF fourth = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes), _mm256_permutevar8x32_ps(high, codes),
                            fourth);
  }
};

/// Levels in memory: 256 of them, or a table for each column.
struct GatherDecoder {
  static constexpr bool kInPlace = false;
  const float* table = nullptr;
  VecI first{};
  unsigned vec_step = 0;  // from the tables of one column vector to those of the next

  GatherDecoder() = default;
  GatherDecoder(const float* levels, unsigned column, bool row_tables)
      : table(levels), first(broadcast_i(0)) {
    if (!row_tables) return;
    vec_step = kLanes * kLevels;
    first =
        mul_i(add_i(broadcast_i(static_cast<std::int32_t>(column)), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0)),
              broadcast_i(kLevels));
  }
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned v) const {
    const VecI index = add_i(first, _mm256_and_si256(codes, broadcast_i(kLevels - 1)));
    return _mm256_i32gather_ps(table + v * vec_step, index, 4);
  }
};

template <>
struct Decoder<Kind::row_table> : GatherDecoder {
  Decoder() = default;
  Decoder(const float* levels, unsigned column) : GatherDecoder(levels, column, true) {}
};

/// 256 levels do not fit registers.
template <>
struct TableDecoder<8> : GatherDecoder {
  TableDecoder() = default;
  TableDecoder(const float* levels, unsigned column) : GatherDecoder(levels, column, false) {}
};

template <>
struct Decoder<Kind::table> : TableDecoder<kCodeBits> {
  using TableDecoder::TableDecoder;
};

}  // namespace
