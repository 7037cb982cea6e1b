// Decoding weights to floats with AVX-512, for f32_tile.inl. Included once, inside namespace lowbit, after
// the file has set what f32_panel.inl wants.
#include "kernels/simd/vec_avx512.inl"
//
#include "kernels/gemm/common/epilogue.inl"
//
#include "kernels/gemm/common/weight_codes.inl"
//
#include "kernels/simd/blocks_avx512.inl"
//
#include "kernels/gemm/common/x86_pack_blocks.inl"
//
#include "kernels/gemm/f32/f32_panel.inl"

namespace {

/// Where a weight comes from: code - 8, code - a zero point, a table, one of which the second half is the
/// first negated, a table for each column.
enum class Kind { middle, zeros, table, mirrored, row_table };

constexpr unsigned tile_vecs(unsigned rows) {
  return rows <= 4 ? 4 : 2;
}

inline VecI load_codes(const std::byte* p) {
  return _mm512_loadu_si512(p);
}
inline VecI next_code(VecI codes) {
  return _mm512_srli_epi32(codes, kCodeBits);
}
inline VecF load_halves(const std::byte* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline VecF load_bytes_f(const std::byte* p) {
  return to_float(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}

/// Sixteen levels in a register: vpermps looks at the lowest 4 bits of each lane.
template <unsigned kBits>
struct TableDecoder {
  static constexpr bool kFromMemory = false;
  static constexpr bool kInPlace = false;
  VecF levels;

  TableDecoder(const float* table, unsigned) : levels(load_f(table)) {}
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const {
    return _mm512_permutexvar_ps(codes, levels);
  }
};

/// The codes themselves.
template <Kind kKind>
struct Decoder {
  static constexpr bool kFromMemory = false;
  static constexpr bool kInPlace = false;
  VecF levels;

  Decoder(const float*, unsigned)
      : levels(to_float(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0))) {
    if constexpr (kKind == Kind::middle) levels = sub_f(levels, broadcast_f(8.0f));
  }
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF zero, unsigned) const {
    const VecF level = _mm512_permutexvar_ps(codes, levels);
    return kKind == Kind::zeros ? sub_f(level, zero) : level;
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
    return _mm512_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10),
                          at(11), at(12), at(13), at(14), at(15));
  }
};

template <>
struct Decoder<Kind::row_table> : MemoryDecoder<true> {
  using MemoryDecoder::MemoryDecoder;
};

/// 32 * kParts levels in pairs of registers: vpermi2ps looks at the lowest 5 bits of each lane, the others
/// select.
template <unsigned kParts>
struct PartedLevels {
  static constexpr bool kFromMemory = false;
  static constexpr bool kInPlace = false;
  VecF low[kParts], high[kParts];

  PartedLevels(const float* table, unsigned) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < kParts; ++i) {
      low[i] = load_f(table + 32 * i);
      high[i] = load_f(table + 32 * i + 16);
    }
  }
  static VecF zero(VecF z) {
    return z;
  }
  inline __attribute__((always_inline)) VecF level(VecI codes) const {
    VecF part[kParts];
#pragma GCC unroll 8
    for (unsigned i = 0; i < kParts; ++i) part[i] = _mm512_permutex2var_ps(low[i], codes, high[i]);
#pragma GCC unroll 8
    for (unsigned step = 1; step < kParts; step *= 2) {
      const __mmask16 second =
          _mm512_test_epi32_mask(codes, broadcast_i(static_cast<std::int32_t>(32 * step)));
#pragma GCC unroll 8
      for (unsigned i = 0; i + step < kParts; i += 2 * step)
        part[i] = _mm512_mask_blend_ps(second, part[i], part[i + step]);
    }
    return part[0];
  }
};

template <>
struct TableDecoder<8> : PartedLevels<8> {
  using PartedLevels::PartedLevels;
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const { return level(codes); }
};

/// Half of the levels; the highest bit of a code is the sign.
struct MirroredDecoder : PartedLevels<4> {
  using PartedLevels::PartedLevels;
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const {
    const VecI magnitude = _mm512_castps_si512(level(codes)), sign = _mm512_slli_epi32(codes, 24);
    // magnitude ^ (sign & 0x80000000)
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(magnitude, sign, broadcast_i(INT32_MIN), 0x78));
  }
};

template <>
struct Decoder<Kind::table> : TableDecoder<kCodeBits> {
  using TableDecoder::TableDecoder;
};
template <>
struct Decoder<Kind::mirrored> : MirroredDecoder {
  using MirroredDecoder::MirroredDecoder;
};

}  // namespace
