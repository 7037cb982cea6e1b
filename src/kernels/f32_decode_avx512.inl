// Decoding weights to floats with AVX-512, for f32_tile.inl. Included once, inside namespace lowbit, after
// f32_panel.inl.
namespace {

/// Where a weight comes from: code - 8, code - a zero point, a table, a table for each column.
enum class Kind { middle, zeros, table, row_table };

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
  static constexpr bool kInPlace = false;
  VecF levels;

  TableDecoder() = default;
  TableDecoder(const float* table, unsigned) : levels(load_f(table)) {}
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned) const {
    return _mm512_permutexvar_ps(codes, levels);
  }
};

/// The codes themselves.
template <Kind kKind>
struct Decoder {
  static constexpr bool kInPlace = false;
  VecF levels;

  Decoder() = default;
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
    first = mul_i(add_i(broadcast_i(static_cast<std::int32_t>(column)),
                        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)),
                  broadcast_i(kLevels));
  }
  static VecF zero(VecF z) { return z; }
  inline __attribute__((always_inline)) VecF weight(VecI codes, VecF, unsigned v) const {
    const VecI index = add_i(first, _mm512_and_si512(codes, broadcast_i(kLevels - 1)));
    return _mm512_i32gather_ps(index, table + v * vec_step, 4);
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
