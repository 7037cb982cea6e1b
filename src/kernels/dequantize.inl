// Codes to floats: float(code - zero_point) * scale, exact up to the one rounding of the product. Included
// once, inside namespace lowbit, after code_conversions.inl.
namespace {

template <bool kSigned>
inline VecI load_codes(const std::uint8_t* p) {
  if constexpr (kSigned) {
    return load_codes_s8(p);
  } else {
    return load_codes_u8(p);
  }
}

/// n codes, at least kBlock; the last vectors overlap where n is not a multiple.
template <bool kSigned>
void dequantize_channels(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  const Channels<float> scale(q.scales, q.scale);
  const Channels<std::int32_t> zero(q.zero_points, q.zero_point);
  const auto vector = [&](std::size_t i) {
    const VecI steps = sub_i(load_codes<kSigned>(x + i), load_i(zero.at(i)));
    store_f(out + i, mul_f(to_float(steps), load_f(scale.at(i))));
  };
  for (std::size_t i = 0; i + kLanes < n; i += kLanes) vector(i);
  vector(n - kLanes);
}

template <bool kSigned>
void dequantize_tensor(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  const CodeReals<kSigned> reals(q);
  const std::uint8_t* last = x + (n - kBlock);
  float* last_out = out + (n - kBlock);
  for (; x < last; x += kBlock, out += kBlock) reals.store_block(out, x);
  reals.store_block(last_out, last);
}

template <bool kSigned>
void dequantize_full(const std::uint8_t* x, std::size_t n, const DequantizeParams& q, float* out) {
  if (q.scales || q.zero_points || !CodeReals<kSigned>::takes(q.scale)) {
    dequantize_channels<kSigned>(x, n, q, out);
  } else {
    dequantize_tensor<kSigned>(x, n, q, out);
  }
}

void dequantize(const void* codes, std::size_t n, const DequantizeParams& q, float* out) {
  const auto* x = static_cast<const std::uint8_t*>(codes);
  const auto full = q.type == CodeType::s8 ? dequantize_full<true> : dequantize_full<false>;
  if (n >= kBlock) return full(x, n, q, out);
  Padded<std::uint8_t> in;
  Padded<float> scales;
  Padded<std::int32_t> zeros;
  DequantizeParams padded = q;
  padded.scales = scales.copy(q.scales, n);
  padded.zero_points = zeros.copy(q.zero_points, n);
  float block[kBlock];
  full(in.copy(x, n), kBlock, padded, block);
  __builtin_memcpy(out, block, n * sizeof(float));
}

}  // namespace
