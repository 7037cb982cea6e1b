// From the sums of a tile to outputs of every type, and the terms of a block. Included once, inside namespace
// lowbit, after epilogue.inl and depthwise_tile.inl. This is the path of residuals, f32 and s32 outputs and
// windows of several passes; u8 codes of one pass leave the registers in codes_of().
namespace {

/// Lanes of vector `v` of the terms: pieces of four channels, as term_of_lane() has them.
template <class T>
inline void quads_of(const T* source, const Block& block, unsigned v, const T** quads) {
  const unsigned mask = block.width - 1;  // a power of two
  for (unsigned l = 0; l < kLanes / 4; ++l) quads[l] = source + (l * 4 * kVectors & mask) + 4 * v;
}

/// A vector of a channel array; null: `absent` everywhere. `few` holds a block of few channels.
inline VecI column_ints(const std::int32_t* source, const Block& block, unsigned v) {
  if (source == nullptr) return broadcast_i(0);
  const std::int32_t* quads[kLanes / 4];
  if (block.count == block.width) {
    quads_of(source + block.start, block, v, quads);
    return load_quads_i(quads);
  }
  std::int32_t few[kMinWidth] = {};
  for (unsigned c = 0; c < block.count; ++c) few[c] = source[c];
  quads_of(few, block, v, quads);
  return load_quads_i(quads);
}

inline VecF column_floats(const float* source, const Block& block, unsigned v, float absent) {
  if (source == nullptr) return broadcast_f(absent);
  const float* quads[kLanes / 4];
  if (block.count == block.width) {
    quads_of(source + block.start, block, v, quads);
    return load_quads_f(quads);
  }
  float few[kMinWidth] = {};
  for (unsigned c = 0; c < block.count; ++c) few[c] = source[c];
  quads_of(few, block, v, quads);
  return load_quads_f(quads);
}

/// Gathers the terms of a block; an absent factor is 1 and an absent addend -0. `flip`: what undoes the flip
/// of the sign bit. Returns whether the float of every sum fits an int32, |sum| < 2^31, so that codes may be
/// clamped after rounding: every scale of a real network does.
inline bool set_terms(const Epilogue& e, const Block& block, const std::int32_t* flip, BlockTerms& terms) {
  const VecF zero = broadcast_f(0.0f);
  VecF factor = zero, shift = zero;
  for (unsigned v = 0; v < kVectors; ++v) {
    VecI constant = column_ints(e.column_constant, block, v);
    if (e.row_a) constant = sub_i(constant, mul_i(broadcast_i(e.row_a[0]), column_ints(e.col_a, block, v)));
    if constexpr (kSignFlip) constant = add_i(constant, load_i(flip + v * kLanes));
    const VecF multiplier = column_floats(e.multiplier, block, v, 1.0f);
    const VecF addend = column_floats(e.addend, block, v, -0.0f);
    store_i(terms.constant + v * kLanes, constant);
    store_f(terms.multiplier + v * kLanes, multiplier);
    store_f(terms.addend + v * kLanes, addend);
    factor = larger(factor, larger(multiplier, sub_f(zero, multiplier)));
    shift = larger(shift, larger(addend, sub_f(zero, addend)));
  }
  float factors[kLanes], shifts[kLanes];
  store_f(factors, factor);
  store_f(shifts, shift);
  bool fits = true;
  for (unsigned i = 0; i < kLanes; ++i) fits = fits && factors[i] <= 0.25f && shifts[i] <= 0x1p29f;
  return fits;
}

/// The u8 code of an end of the range of floats.
inline std::uint8_t code_of_limit(const Epilogue& e, float limit) {
  if (e.out != OutType::u8) return 0;
  std::int32_t rounded[kLanes];
  store_i(rounded, round_to_int(broadcast_f(limit)));
  return static_cast<std::uint8_t>(rounded[0] + e.zero_point);
}

/// The codes of a residual in the order of the sums.
inline void gather_residual(const std::uint8_t* const* pixel, const Block& block, std::uint8_t* codes) {
  for (unsigned g = 0, lane = 0; lane < kBytes; ++g)
    for (unsigned at = 0; at < block.width; at += 4, lane += 4) {
      std::uint8_t* to = codes + term_of_lane(lane);
      if (pixel[g] != nullptr && at + 4 <= block.count) {
        __builtin_memcpy(to, pixel[g] + at, 4);
        continue;
      }
      for (unsigned i = 0; i < 4; ++i) to[i] = 0;
      if (pixel[g] == nullptr) continue;
      for (unsigned i = at; i < block.count; ++i) to[i - at] = pixel[g][i];
    }
}

/// The float half of the epilogue, as in epilogue.inl; `v` is a vector of `terms`.
inline VecF real(const Epilogue& e, const BlockTerms& terms, VecI sum, unsigned v,
                 const std::uint8_t* residual) {
  VecF f = mul_f(to_float(sum), load_f(terms.multiplier + v * kLanes));
  if (e.row_scale) f = mul_f(f, broadcast_f(e.row_scale[0]));
  f = add_f(f, load_f(terms.addend + v * kLanes));
  if (e.residual) {
    const VecF r = load_u8_as_float(residual + v * kLanes);
    f = add_f(f, mul_f(sub_f(r, broadcast_f(e.residual_zero)), broadcast_f(e.residual_scale)));
  }
  return clamp_above(clamp_below(f, broadcast_f(e.lo)), broadcast_f(e.hi));
}

/// Elements of type T in the order of the sums, to the output pixel of each segment.
template <class T>
inline void scatter(const T* values, std::byte* const* pixel, const Block& block) {
  for (unsigned g = 0, lane = 0; lane < kBytes; ++g) {
    T* out = reinterpret_cast<T*>(pixel[g]);
    for (unsigned at = 0; at < block.width; at += 4, lane += 4) {
      if (out == nullptr) continue;
      const T* from = values + term_of_lane(lane);
      if (at + 4 <= block.count) {
        __builtin_memcpy(out + at, from, 4 * sizeof(T));
      } else {
        for (unsigned i = at; i < block.count; ++i) out[i] = from[i - at];
      }
    }
  }
}

/// One vector of sums. out[s] and residual[s]: the pixel of segment s at the block's first channel; null:
/// there is none.
inline void finish(const Epilogue& e, const BlockTerms& terms, const Block& block, const std::int32_t* sums,
                   const std::uint8_t* const* residual, std::byte* const* out) {
  if (e.out == OutType::s32) return scatter(sums, out, block);
  alignas(64) std::uint8_t codes[kBytes];
  alignas(64) float reals[kBytes];
  if (e.residual) gather_residual(residual, block, codes);
  for (unsigned v = 0; v < kVectors; ++v) {
    const VecF f = real(e, terms, load_i(sums + v * kLanes), v, codes);
    if (e.out == OutType::f32) {
      store_f(reals + v * kLanes, f);
    } else {
      store_u8(codes + v * kLanes, add_i(round_to_int(f), broadcast_i(e.zero_point)));
    }
  }
  if (e.out == OutType::f32) return scatter(reals, out, block);
  scatter(codes, out, block);
}

}  // namespace
