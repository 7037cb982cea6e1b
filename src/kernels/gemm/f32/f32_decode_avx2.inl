// Decoding weights to floats with AVX2, for f32_tile.inl. Included once, inside namespace lowbit, after the
// file has set what f32_panel.inl wants.
#include "kernels/simd/vec_avx2.inl"
//
#include "kernels/gemm/common/epilogue.inl"
//
#include "kernels/gemm/common/weight_codes.inl"
//
#include "kernels/simd/blocks_avx2.inl"
//
#include "kernels/gemm/common/x86_pack_blocks.inl"
//
#include "kernels/gemm/f32/f32_panel.inl"

namespace {

/// Where a weight comes from: code - 8, code - a zero point, a table, one of which the second half is the
/// first negated, a table for each column.
enum class Kind { middle, zeros, table, mirrored, row_table };

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
  static constexpr bool kFromMemory = false;
  static constexpr bool kInPlace = kKind == Kind::middle;

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
  static constexpr bool kFromMemory = false;
  static constexpr bool kInPlace = false;
  VecF low, high;

  TableDecoder(const float* table, unsigned) : low(load_f(table)), high(load_f(table + 8)) {}
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const {
    const VecF fourth = _mm256_castsi256_ps(_mm256_slli_epi32(codes, 28));
    return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, codes), _mm256_permutevar8x32_ps(high, codes),
                            fourth);
  }
};

/// Levels read one by one: where there are too many for registers, or a table for each column. Faster than
/// gathers, which many processors have slowed down on purpose.
template <bool kRowTables>
struct MemoryDecoder {
  static constexpr bool kFromMemory = true;
  static constexpr bool kInPlace = false;
  const float* table = nullptr;

  MemoryDecoder(const float* levels, unsigned column) : table(levels + (kRowTables ? column * kLevels : 0)) {}
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight_at(const std::byte* p, unsigned t, unsigned v) const {
    const float* tables = table + (kRowTables ? v * kLanes * kLevels : 0);
    const auto at = [&](unsigned lane) {
      const auto byte = static_cast<unsigned>(p[4 * lane + t * kCodeBits / 8]);
      return tables[(kRowTables ? lane * kLevels : 0) + ((byte >> (t * kCodeBits % 8)) & (kLevels - 1))];
    };
    return _mm256_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
  }
};

template <>
struct Decoder<Kind::row_table> : MemoryDecoder<true> {
  using MemoryDecoder::MemoryDecoder;
};

template <>
struct TableDecoder<8> : MemoryDecoder<false> {
  using MemoryDecoder::MemoryDecoder;
};

template <>
struct Decoder<Kind::table> : TableDecoder<kCodeBits> {
  using TableDecoder::TableDecoder;
};
template <>
struct Decoder<Kind::mirrored> : TableDecoder<kCodeBits> {
  using TableDecoder::TableDecoder;
};

}  // namespace
