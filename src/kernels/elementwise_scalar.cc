// The scalar elementwise loops, written out one element at a time: what every other entry must give, bit for
// bit.
#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit {

#include "kernels/vec_scalar.inl"

namespace {

std::int32_t code_of(float f, float lo, float hi, std::int32_t zero_point) {
  return round_to_int(clamp_above(clamp_below(nan_to_zero(f), lo), hi)) + zero_point;
}

// A u8 and an s8 code of one value modulo 256 are one byte.
std::uint8_t byte_of(std::int32_t code) {
  return static_cast<std::uint8_t>(code);
}

void quantize(const float* x, std::size_t n, const QuantizeParams& q, void* codes, std::int32_t* sum) {
  auto* out = static_cast<std::uint8_t*>(codes);
  const auto zero = static_cast<float>(q.zero_point);
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float inverse_scale = q.inverse_scales ? q.inverse_scales[i] : q.inverse_scale;
    const std::int32_t zero_point = q.zero_points ? q.zero_points[i] : q.zero_point;
    const float moved = static_cast<float>(zero_point) - zero;
    const std::int32_t code = code_of(x[i] * inverse_scale, q.lo - moved, q.hi - moved, zero_point);
    out[i] = byte_of(code);
    total += static_cast<std::uint32_t>(code);
  }
  if (sum) *sum = static_cast<std::int32_t>(total);
}

void dequantize(const void* codes, std::size_t n, const DequantizeParams& q, float* out) {
  const auto* x = static_cast<const std::uint8_t*>(codes);
  const bool is_signed = q.type == CodeType::s8;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t code = is_signed ? static_cast<std::int8_t>(x[i]) : std::int32_t{x[i]};
    const std::int32_t zero_point = q.zero_points ? q.zero_points[i] : q.zero_point;
    out[i] = static_cast<float>(code - zero_point) * (q.scales ? q.scales[i] : q.scale);
  }
}

void requantize(const std::int32_t* x, std::size_t n, const RequantizeParams& q, void* codes) {
  auto* out = static_cast<std::uint8_t*>(codes);
  for (std::size_t i = 0; i < n; ++i) {
    float f = static_cast<float>(x[i]) * (q.multipliers ? q.multipliers[i] : q.multiplier);
    f = f + (q.addends ? q.addends[i] : q.addend);
    out[i] = byte_of(code_of(f, q.lo, q.hi, q.zero_point));
  }
}

std::size_t min_max(const float* x, std::size_t n, float* min, float* max) {
  float low = __builtin_inff(), high = -low;
  std::size_t finite = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_finite(x[i])) continue;
    ++finite;
    low = smaller(x[i], low);
    high = larger(x[i], high);
  }
  // Which of -0 and +0 is met first depends on the number of lanes: both become +0.
  *min = low + 0.0f;
  *max = high + 0.0f;
  return n - finite;
}

void add_u8(const std::uint8_t* a, const std::uint8_t* b, std::size_t n, const AddParams& p,
            std::uint8_t* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const float fa = (static_cast<float>(a[i]) - p.a_zero) * p.a_multiplier;
    const float fb = (static_cast<float>(b[i]) - p.b_zero) * p.b_multiplier;
    out[i] = byte_of(code_of(fa + fb, p.lo, p.hi, p.zero_point));
  }
}

std::int32_t sum_u8(const std::uint8_t* x, std::size_t n) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += x[i];
  return static_cast<std::int32_t>(sum);
}

void pack(const std::uint8_t* codes, std::size_t n, int bits, std::uint8_t* bytes) {
  const std::size_t per_byte = bits == 4 ? 2 : 4;
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t first = 0; first < n; first += per_byte) {
    unsigned byte = 0;
    for (std::size_t t = 0; t < per_byte && first + t < n; ++t)
      byte |= (codes[first + t] & mask) << (static_cast<unsigned>(bits) * t);
    bytes[first / per_byte] = static_cast<std::uint8_t>(byte);
  }
}

void unpack(const std::uint8_t* bytes, std::size_t n, int bits, std::uint8_t* codes) {
  const std::size_t per_byte = bits == 4 ? 2 : 4;
  const unsigned mask = (1u << bits) - 1;
  for (std::size_t i = 0; i < n; ++i)
    codes[i] = static_cast<std::uint8_t>(
        (unsigned{bytes[i / per_byte]} >> (static_cast<unsigned>(bits) * (i % per_byte))) & mask);
}

}  // namespace

const ElementwiseKernel kElementwiseScalar = {.name = "elementwise/scalar",
                                              .required = Isa::scalar,
                                              .quantize = quantize,
                                              .dequantize = dequantize,
                                              .requantize = requantize,
                                              .min_max = min_max,
                                              .add_u8 = add_u8,
                                              .sum_u8 = sum_u8,
                                              .pack = pack,
                                              .unpack = unpack};

}  // namespace lowbit
