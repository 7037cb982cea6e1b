// SPDX-License-Identifier: Apache-2.0
// Quantization of spans and tensors, requantization, and ranges that follow a stream.
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

#include "bits.h"
#include "lowbit/core/shape.h"
#include "lowbit/core/tensor.h"
#include "lowbit/quant/blocked.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/fake_quantize.h"
#include "lowbit/quant/quantize.h"
#include "lowbit/quant/requantize.h"

using header_only::inputs;
using header_only::write;
using header_only::write_refusal;

namespace {

template <class T>
void write_codes(const std::vector<float>& x, lowbit::QParams q, lowbit::IntRange codes) {
  std::vector<T> out(x.size());
  std::vector<float> back(x.size());
  write_refusal([&] {
    lowbit::quantize(x, q, codes, std::span<T>(out));
    write(out);
    lowbit::dequantize(std::span<const T>(out), q, back);
    write(back);
    for (const lowbit::Rounding rounding : {lowbit::Rounding::half_away, lowbit::Rounding::stochastic}) {
      lowbit::quantize(x, q, codes, std::span<T>(out), rounding, 3);
      write(out);
    }
  });
}

void write_spans(const std::vector<float>& x) {
  for (const float scale : {0.0123f, 1.7f, 0x1p-126f, 3e38f, 0.0f}) {
    write_codes<std::uint8_t>(x, {scale, 37}, lowbit::unsigned_range(8));
    write_codes<std::int8_t>(x, {scale, -3}, lowbit::signed_range(5, true));
    write_codes<std::int32_t>(x, {scale, 0}, lowbit::signed_range(16));
    write_refusal([&] {
      std::vector<float> out(x.size());
      std::vector<std::uint8_t> mask(x.size());
      lowbit::fake_quantize(x, {scale, 5}, lowbit::unsigned_range(4), out, mask);
      write(out);
      write(mask);
    });
  }
}

void write_blocked(const std::vector<float>& x) {
  const lowbit::Shape shape{20, 50, 40};
  std::vector<float> scales(20 * 17 * 40);
  std::vector<std::int32_t> zero_points(scales.size());
  for (std::size_t i = 0; i < scales.size(); ++i) {
    scales[i] = 0.003f * static_cast<float>(i % 131 + 1);
    zero_points[i] = static_cast<std::int32_t>(i % 11);
  }
  lowbit::Tensor back(shape);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(shape.elements()));
  for (const lowbit::ScaleArithmetic scaling :
       {lowbit::ScaleArithmetic::reciprocal, lowbit::ScaleArithmetic::division}) {
    const lowbit::BlockedQParams q{scales, zero_points, 1, 3}, whole{scales, {}, 1, 3};
    lowbit::quantize(lowbit::TensorView(x.data(), shape), q, lowbit::unsigned_range(6), codes, scaling);
    write(codes);
    lowbit::dequantize(codes, q, back);
    write(back.data);
    const lowbit::MiniFloat format = lowbit::MiniFloat::fp8_e4m3fn;
    lowbit::quantize(lowbit::TensorView(x.data(), shape), whole, format, codes,
                     lowbit::minifloat::Overflow::saturate, scaling);
    write(codes);
    lowbit::dequantize(codes, whole, format, back);
    write(back.data);
  }
  write_refusal([&] {
    lowbit::quantize(lowbit::TensorView(x.data(), shape), {scales, {}, 7, 3}, lowbit::unsigned_range(6),
                     codes);
  });
}

void write_requantized() {
  std::vector<std::int32_t> sums;
  for (std::uint32_t i = 0, state = 1; i < 20000; ++i, state = state * 1664525u + 1013904223u)
    sums.push_back(static_cast<std::int32_t>(state) >> i % 24);
  std::vector<std::uint8_t> codes(sums.size());
  for (const float bias : {0.0f, 0.37f, -11.9f}) {
    const lowbit::Requantization r =
        lowbit::make_requantization(0.0071f, 0.0133f, {0.051f, 99}, lowbit::unsigned_range(8), bias);
    std::printf("%a %a %a %a\n", double(r.multiplier), double(r.addend), double(r.lo), double(r.hi));
    lowbit::requantize(sums, r, codes);
    write(codes);
  }
  std::vector<std::int16_t> words(sums.size());
  for (const auto rounding : {lowbit::FixedPointRounding::twice, lowbit::FixedPointRounding::once,
                              lowbit::FixedPointRounding::reduced}) {
    const lowbit::FixedPointRequantization channels[] = {
        lowbit::make_fixed_point(0.00037, -7, lowbit::signed_range(16), rounding),
        lowbit::make_fixed_point(1.25, 3, {-3000, 20000}, rounding)};
    lowbit::requantize(sums, channels, words, 100);
    write(words);
  }
  write_refusal([] { lowbit::make_fixed_point(-1, 0, lowbit::signed_range(8)); });
  write_refusal([] { lowbit::make_requantization(0, 1, {}, lowbit::unsigned_range(8)); });
}

void write_dynamic(const std::vector<float>& x) {
  lowbit::AdaptiveRange range(0.13f);
  for (std::size_t i = 0; i + 8 <= x.size(); i += 8) {
    range.update(std::span(x).subspan(i, 8));
    const lowbit::Range r = range.range();
    const lowbit::QParams q = lowbit::dynamic_qparams(r.min, r.max),
                          p = lowbit::dynamic_qparams(x[i], x[i + 1]);
    std::printf("%a %a %a %d %a %d\n", double(r.min), double(r.max), double(q.scale), q.zero_point,
                double(p.scale), p.zero_point);
  }
  write_refusal([] { lowbit::AdaptiveRange(2.0f); });
}

}  // namespace

int main() {
  const std::vector<float> x = inputs();
  write_spans(x);
  write_blocked(x);
  write_requantized();
  write_dynamic(x);
  return 0;
}
