// SPDX-License-Identifier: Apache-2.0
// Convolution, depthwise convolution and fully connected layers in the forms of TensorFlow Lite and CMSIS-NN,
// against loops over the definition: offsets, multipliers and shifts of each channel, activation ranges,
// padding, stride, dilation, 4-bit weights, 16-bit activations. Rounding is gemmlowp's, written as it is
// there.
#include "lowbit/layers/integer_conv2d.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "support/error_of.h"
#include "support/random.h"

namespace lowbit {
namespace {

using testing::Random;

std::int32_t doubling_high_product(std::int32_t a, std::int32_t b) {
  const std::int64_t ab = std::int64_t{a} * b;
  const std::int64_t nudge = ab >= 0 ? std::int64_t{1} << 30 : 1 - (std::int64_t{1} << 30);
  return static_cast<std::int32_t>((ab + nudge) / (std::int64_t{1} << 31));
}
std::int32_t divided_by_power_of_two(std::int32_t x, int exponent) {
  const auto mask = static_cast<std::int32_t>((std::int64_t{1} << exponent) - 1);
  return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0 ? 1 : 0) ? 1 : 0);
}
std::int64_t tflite_product(std::int64_t sum, std::int32_t multiplier, int shift,
                            FixedPointRounding rounding) {
  if (rounding == FixedPointRounding::twice)
    return divided_by_power_of_two(
        doubling_high_product(static_cast<std::int32_t>(sum) * (1 << std::max(shift, 0)), multiplier),
        std::max(-shift, 0));
  if (rounding == FixedPointRounding::once) return ((sum * multiplier >> (30 - shift)) + 1) >> 1;
  const std::int64_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  return ((sum * reduced >> (14 - shift)) + 1) >> 1;
}

/// A layer as CMSIS-NN describes it.
struct TfliteLayer {
  std::int64_t batch = 1, height = 1, width = 1, channels = 1, out_channels = 1;
  std::int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t pad_h = 0, pad_w = 0, out_h = 1, out_w = 1, groups = 1;
  bool depthwise = false;  ///< filters are 1HWO; else OHWI
  bool four_bits = false;
  std::int32_t in_offset = 0, out_offset = 0, weight_zero = 0, act_min = -128, act_max = 127;
  FixedPointRounding rounding = FixedPointRounding::twice;
  std::vector<std::int32_t> weights{}, multipliers{}, shifts{};
  std::vector<std::int64_t> bias{};

  std::int64_t in_per_group() const { return channels / groups; }
  std::int64_t products() const { return kernel_h * kernel_w * in_per_group(); }
  std::int64_t pixel_count() const { return batch * out_h * out_w; }
  std::int32_t weight(std::int64_t o, std::int64_t ky, std::int64_t kx, std::int64_t c) const {
    const std::int64_t tap = ky * kernel_w + kx;
    return weights[static_cast<std::size_t>(
        depthwise ? tap * out_channels + o : (o * kernel_h * kernel_w + tap) * in_per_group() + c)];
  }
};

TfliteLayer any_layer(Random& random, bool depthwise, bool wide, bool four_bits) {
  TfliteLayer l;
  const auto pick = [&](std::int64_t lo, std::int64_t hi) { return random.integer(lo, hi); };
  l.depthwise = depthwise;
  l.four_bits = four_bits;
  l.batch = pick(1, 2);
  l.kernel_h = pick(1, 5), l.kernel_w = pick(1, 5);
  l.stride_h = pick(1, 3), l.stride_w = pick(1, 3);
  l.dilation_h = pick(0, 3) ? 1 : 2, l.dilation_w = pick(0, 3) ? 1 : 3;
  if (depthwise) {
    l.groups = l.channels = pick(1, 40);
    l.out_channels = l.channels * (pick(0, 2) ? 1 : pick(2, 5));
  } else {
    l.groups = pick(0, 3) ? 1 : pick(2, 3);
    l.channels = l.groups * pick(l.groups == 1 ? 1 : 2, 20);
    l.out_channels = l.groups * pick(1, 20);
  }
  const std::int64_t reach_h = (l.kernel_h - 1) * l.dilation_h + 1,
                     reach_w = (l.kernel_w - 1) * l.dilation_w + 1;
  l.pad_h = pick(0, 1) ? 0 : reach_h / 2, l.pad_w = pick(0, 1) ? 0 : reach_w / 2;
  l.height = pick(std::max<std::int64_t>(1, reach_h - l.pad_h), reach_h + 8);
  l.width = pick(std::max<std::int64_t>(1, reach_w - l.pad_w), reach_w + 8);
  // Up to as much padding behind as before, as SAME has it.
  l.out_h = (l.height + l.pad_h + pick(0, l.pad_h) - reach_h) / l.stride_h + 1;
  l.out_w = (l.width + l.pad_w + pick(0, l.pad_w) - reach_w) / l.stride_w + 1;
  l.in_offset = wide ? 0 : static_cast<std::int32_t>(pick(-127, 128));
  l.out_offset = wide ? 0 : static_cast<std::int32_t>(pick(-128, 127));
  const std::int32_t end = wide ? 32767 : 127;
  l.act_min = pick(0, 1) ? -end - 1 : static_cast<std::int32_t>(pick(-end - 1, 0));
  l.act_max = pick(0, 1) ? end : static_cast<std::int32_t>(pick(1, end));
  const bool small_bias = !wide || pick(0, 1) == 0;  // 16 bits: of 32 or 64 bits
  l.rounding = !small_bias  ? FixedPointRounding::reduced
               : pick(0, 1) ? FixedPointRounding::twice
                            : FixedPointRounding::once;
  const std::int64_t half = four_bits ? 8 : 128;
  for (std::int64_t i = 0; i < l.out_channels * l.products(); ++i)
    l.weights.push_back(static_cast<std::int32_t>(pick(-half, half - 1)));
  const double spread =
      (four_bits ? 16.0 : 1.0) * end / (wide ? 4e6 : 16000.0) / std::sqrt(double(l.products()) + 1);
  for (std::int64_t o = 0; o < l.out_channels; ++o) {
    const auto r = make_fixed_point(spread * (1.1 + random.uniform()), 0, {l.act_min, l.act_max}, l.rounding);
    l.multipliers.push_back(r.multiplier);
    l.shifts.push_back(r.shift);
    l.bias.push_back(small_bias
                         ? pick(-20000, 20000) / (four_bits ? 16 : 1)
                         : pick(-(std::int64_t{1} << 34), std::int64_t{1} << 34) / (pick(0, 3) + 1) / 4096);
  }
  return l;
}

template <class T>
std::vector<T> tflite_result(const TfliteLayer& l, const std::vector<T>& in) {
  std::vector<T> out;
  for (std::int64_t b = 0; b < l.batch; ++b)
    for (std::int64_t y = 0; y < l.out_h; ++y)
      for (std::int64_t x = 0; x < l.out_w; ++x)
        for (std::int64_t o = 0; o < l.out_channels; ++o) {
          const auto channel = static_cast<std::size_t>(o);
          std::int64_t sum = l.bias.empty() ? 0 : l.bias[channel];
          for (std::int64_t ky = 0; ky < l.kernel_h; ++ky)
            for (std::int64_t kx = 0; kx < l.kernel_w; ++kx) {
              const std::int64_t iy = y * l.stride_h - l.pad_h + ky * l.dilation_h;
              const std::int64_t ix = x * l.stride_w - l.pad_w + kx * l.dilation_w;
              if (iy < 0 || iy >= l.height || ix < 0 || ix >= l.width) continue;
              for (std::int64_t c = 0; c < l.in_per_group(); ++c) {
                const std::int64_t from = o / (l.out_channels / l.groups) * l.in_per_group() + c;
                const std::int64_t at = ((b * l.height + iy) * l.width + ix) * l.channels + from;
                sum += (std::int64_t{in[static_cast<std::size_t>(at)]} + l.in_offset) *
                       (l.weight(o, ky, kx, c) - l.weight_zero);
              }
            }
          const std::int64_t code =
              tflite_product(sum, l.multipliers[channel], l.shifts[channel], l.rounding) + l.out_offset;
          out.push_back(static_cast<T>(std::clamp<std::int64_t>(code, l.act_min, l.act_max)));
        }
  return out;
}

/// A filter's bytes as files have them: 4-bit numbers follow each other without gaps.
std::vector<std::uint8_t> filter_bytes(const TfliteLayer& l) {
  std::vector<std::uint8_t> bytes(l.four_bits ? (l.weights.size() + 1) / 2 : l.weights.size());
  for (std::size_t i = 0; i < l.weights.size(); ++i) {
    const auto code = static_cast<unsigned>(l.weights[i]);
    if (l.four_bits)
      bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] | (code & 15u) << (i % 2 * 4));
    else
      bytes[i] = static_cast<std::uint8_t>(code);
  }
  return bytes;
}

IntegerView filter_view(const TfliteLayer& l, const std::vector<std::uint8_t>& bytes) {
  const std::int64_t rows = l.depthwise ? l.kernel_h * l.kernel_w : l.out_channels;
  const std::int64_t cols = l.depthwise ? l.out_channels : l.products();
  const IntegerView view = l.four_bits
                               ? IntegerView::of_4_bits(bytes.data(), true, rows, cols, cols, 1)
                               : IntegerView(reinterpret_cast<const std::int8_t*>(bytes.data()), rows, cols);
  return l.depthwise ? view.transposed() : view;
}

template <class T>
IntegerConv2dShape conv_shape(const TfliteLayer& l) {
  // What lies behind follows from the size of the output.
  const auto behind = [](std::int64_t out, std::int64_t stride, std::int64_t kernel, std::int64_t dilation,
                         std::int64_t before, std::int64_t in) {
    return std::max<std::int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - before - in);
  };
  IntegerConv2dShape s{
      .height = l.height, .width = l.width, .channels = l.channels, .out_channels = l.out_channels};
  s.window = {
      .kernel = {l.kernel_h, l.kernel_w},
      .stride = {l.stride_h, l.stride_w},
      .dilation = {l.dilation_h, l.dilation_w},
      .pad = {l.pad_h, l.pad_w, behind(l.out_h, l.stride_h, l.kernel_h, l.dilation_h, l.pad_h, l.height),
              behind(l.out_w, l.stride_w, l.kernel_w, l.dilation_w, l.pad_w, l.width)}};
  s.groups = l.groups;
  s.in = s.out = sizeof(T) == 2 ? ElementType::i16 : ElementType::i8;
  return s;
}

std::vector<Isa> isa_levels() {
  std::vector<Isa> all = {Isa::scalar};
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512vnni, Isa::neon, Isa::neondot, Isa::neoni8mm})
    if (has_isa(active_isa(), isa)) all.push_back(all.back() | isa);
  return all;
}

template <class T>
std::vector<T> any_input(const TfliteLayer& l, Random& random) {
  std::vector<T> in(static_cast<std::size_t>(l.batch * l.height * l.width * l.channels));
  for (T& x : in) x = static_cast<T>(random.next());
  return in;
}

template <class T>
GemmOptions options_of(const TfliteLayer& l, const std::vector<FixedPointRequantization>& stage,
                       const std::vector<std::int32_t>& bias) {
  GemmOptions options{.a_zero_point = -l.in_offset, .fixed_point = stage};
  if (l.rounding == FixedPointRounding::reduced)
    options.wide_bias = l.bias;
  else
    options.bias = bias;
  return options;
}

template <class T>
void convolutions_are_exact(std::uint64_t seed, bool depthwise, bool four_bits, int cases) {
  Random random(seed);
  std::ptrdiff_t all = 0, inside = 0;  // of the range of the activation
  for (int i = 0; i < cases; ++i) {
    const TfliteLayer l = any_layer(random, depthwise, sizeof(T) == 2, four_bits);
    const std::vector<T> in = any_input<T>(l, random), right = tflite_result(l, in);
    const std::vector<std::uint8_t> filter = filter_bytes(l);
    const auto stage =
        make_fixed_point(l.multipliers, l.shifts, l.out_offset, {l.act_min, l.act_max}, l.rounding);
    const std::vector<std::int32_t> bias(l.bias.begin(), l.bias.end());
    GemmOptions options = options_of<T>(l, stage, bias);
    for (const Isa isa : isa_levels()) {
      options.isa = isa;
      const IntegerConv2d conv(conv_shape<T>(l), filter_view(l, filter), options);
      ASSERT_EQ(conv.out_height(), l.out_h);
      ASSERT_EQ(conv.out_width(), l.out_w);
      std::vector<T> out(right.size());
      conv.forward({in.data(), l.batch * l.height * l.width, l.channels},
                   {out.data(), l.pixel_count(), l.out_channels});
      ASSERT_EQ(std::memcmp(out.data(), right.data(), out.size() * sizeof(T)), 0) << "case " << i;
    }
    all += std::ssize(right);
    inside += std::count_if(right.begin(), right.end(), [&](T x) { return x > l.act_min && x < l.act_max; });
  }
  EXPECT_GT(inside, all / 4);
}

TEST(IntegerConv2d, OfBytesIsExact) {
  convolutions_are_exact<std::int8_t>(1, false, false, 60);
}
TEST(IntegerConv2d, OfBytesAnd4BitWeightsIsExact) {
  convolutions_are_exact<std::int8_t>(2, false, true, 60);
}
TEST(IntegerConv2d, Of16BitActivationsIsExact) {
  convolutions_are_exact<std::int16_t>(3, false, false, 60);
}
TEST(IntegerConv2d, DepthwiseOfBytesIsExact) {
  convolutions_are_exact<std::int8_t>(4, true, false, 60);
}
TEST(IntegerConv2d, DepthwiseOfBytesAnd4BitWeightsIsExact) {
  convolutions_are_exact<std::int8_t>(5, true, true, 60);
}
TEST(IntegerConv2d, DepthwiseOf16BitActivationsIsExact) {
  convolutions_are_exact<std::int16_t>(6, true, false, 60);
}

template <class T>
void fully_connected_is_exact(std::uint64_t seed, bool four_bits) {
  Random random(seed);
  for (int i = 0; i < 60; ++i) {
    TfliteLayer l = any_layer(random, false, sizeof(T) == 2, four_bits);
    l.height = l.width = l.kernel_h = l.kernel_w = l.out_h = l.out_w = l.groups = 1;
    l.stride_h = l.stride_w = 1;
    l.pad_h = l.pad_w = 0;
    l.batch = random.integer(1, 9);
    l.channels = random.integer(1, 200);
    l.weight_zero = four_bits || sizeof(T) == 2 ? 0 : static_cast<std::int32_t>(random.integer(-9, 9));
    const std::int64_t half = four_bits ? 8 : 128;
    l.weights.clear();
    for (std::int64_t k = 0; k < l.out_channels * l.channels; ++k)
      l.weights.push_back(static_cast<std::int32_t>(random.integer(-half, half - 1)));
    const std::vector<T> in = any_input<T>(l, random), right = tflite_result(l, in);
    const std::vector<std::uint8_t> filter = filter_bytes(l);
    const auto stage =
        make_fixed_point(l.multipliers, l.shifts, l.out_offset, {l.act_min, l.act_max}, l.rounding);
    const std::vector<std::int32_t> bias(l.bias.begin(), l.bias.end());
    GemmOptions options = options_of<T>(l, stage, bias);
    const std::int32_t zeros[] = {l.weight_zero};
    options.b_zero_points = zeros;
    for (const Isa isa : isa_levels()) {
      options.isa = isa;
      std::vector<T> out(right.size());
      gemm({in.data(), l.batch, l.channels}, filter_view(l, filter).transposed(),
           {out.data(), l.batch, l.out_channels}, options);
      ASSERT_EQ(std::memcmp(out.data(), right.data(), out.size() * sizeof(T)), 0) << "case " << i;
    }
  }
}

TEST(Gemm, IsAFullyConnectedLayerOfTensorFlowLite) {
  fully_connected_is_exact<std::int8_t>(7, false);
  fully_connected_is_exact<std::int8_t>(8, true);
  fully_connected_is_exact<std::int16_t>(9, false);
}

TEST(IntegerConv2d, FloatMultipliersAndStridedPixels) {
  Random random(10);
  TfliteLayer l = any_layer(random, false, false, false);
  const std::vector<std::int8_t> in = any_input<std::int8_t>(l, random);
  const std::vector<std::uint8_t> filter = filter_bytes(l);
  IntegerConv2dShape shape = conv_shape<std::int8_t>(l);
  shape.out = ElementType::i32;
  const IntegerConv2d plain(shape, filter_view(l, filter), {.a_zero_point = -l.in_offset});
  std::vector<std::int32_t> sums(static_cast<std::size_t>(l.pixel_count() * l.out_channels));
  plain.forward({in.data(), l.batch * l.height * l.width, l.channels},
                {sums.data(), l.pixel_count(), l.out_channels});
  shape.out = ElementType::u8;
  const auto stage = make_requantization(0.01f, 0.02f, {0.5f, 100}, unsigned_range(8), 3.0f);
  const IntegerConv2d conv(shape, filter_view(l, filter),
                           {.a_zero_point = -l.in_offset, .requantization = std::span(&stage, 1)});
  // Channels of the output lie in planes.
  std::vector<std::uint8_t> out(sums.size());
  conv.forward({in.data(), l.batch * l.height * l.width, l.channels},
               {out.data(), l.pixel_count(), l.out_channels, 1, l.pixel_count()});
  for (std::int64_t i = 0; i < l.pixel_count(); ++i)
    for (std::int64_t o = 0; o < l.out_channels; ++o)
      ASSERT_EQ(out[static_cast<std::size_t>(o * l.pixel_count() + i)],
                requantize(sums[static_cast<std::size_t>(i * l.out_channels + o)], stage));
}

TEST(IntegerConv2d, RefusalsNameTheArgument) {
  using testing::error_of;
  using testing::says;
  const std::vector<std::int8_t> filter(4 * 9 * 3), in(25 * 3);
  std::vector<std::int32_t> out(9 * 4);
  IntegerConv2dShape shape{
      .height = 5, .width = 5, .channels = 3, .out_channels = 4, .out = ElementType::i32};
  shape.window.kernel = {3, 3};
  EXPECT_TRUE(says(error_of(
                       [&] {
                         IntegerConv2d(shape, {filter.data(), 4, 9});
                       },
                       ErrorCode::shape_mismatch),
                   {"4 x 9", "27 products"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         IntegerConv2d(shape, {filter.data(), 4, 27}, {.a_zero_point = 128});
                       },
                       ErrorCode::invalid_argument),
                   {"a_zero_point 128"}));
  const IntegerConv2d conv(shape, {filter.data(), 4, 27});
  EXPECT_TRUE(says(error_of(
                       [&] {
                         conv.forward({in.data(), 24, 3}, {out.data(), 9, 4});
                       },
                       ErrorCode::shape_mismatch),
                   {"24 pixels", "5 x 5 x 3"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         conv.forward({in.data(), 25, 3}, {out.data(), 4, 9});
                       },
                       ErrorCode::shape_mismatch),
                   {"4 pixels of 9", "3 x 3 x 4"}));
  EXPECT_TRUE(says(error_of(
                       [&] {
                         conv.forward({in.data(), 25, 3}, {(std::int32_t*)nullptr, 9, 4});
                       },
                       ErrorCode::invalid_argument),
                   {"the output", "no memory"}));
  std::vector<std::uint8_t> bytes(9 * 4);
  EXPECT_TRUE(says(error_of(
                       [&] {
                         conv.forward({in.data(), 25, 3}, {bytes.data(), 9, 4});
                       },
                       ErrorCode::invalid_argument),
                   {"to i32", "u8"}));
  shape.groups = 2;
  EXPECT_THROW(IntegerConv2d(shape, {filter.data(), 4, 27}), Error);
}

}  // namespace
}  // namespace lowbit
