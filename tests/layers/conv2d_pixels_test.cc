// SPDX-License-Identifier: Apache-2.0
// Convolutions of many pixels run codes of fewer bits on the kernels of s8: a window alone, which runs them
// on those of their format, must give the same bits.
#include <gtest/gtest.h>

#include <string>

#include "layer_test.h"
#include "lowbit/layers/conv2d.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/gaussian_matrix.h"

namespace lowbit {
namespace {

using testing::Values;

constexpr std::int64_t kIn = 6, kOut = 37, kSize = 8;

struct Convolution {
  ops::Conv2dOp op;
  QuantizedMatrix weights;

  explicit Convolution(const std::string& scheme) {
    op.weight.shape = Shape{kOut, kIn, 3, 3};
    op.window.kernel = {3, 3};
    const Eigen::MatrixXf bias = testing::gaussian_matrix(kOut, 1, 2);
    op.bias.assign(bias.data(), bias.data() + kOut);
    weights = quantize(testing::gaussian_matrix(kOut, 9 * kIn, 1), make_quantizer(scheme));
  }
  std::unique_ptr<ops::Step> step(const ValueType& in, const ValueType& out) const {
    ops::StepSpec spec;
    spec.inputs = {&in};
    spec.output = &out;
    spec.isa = active_isa();
    spec.weights = &weights;
    return ops::make_step(op, spec);
  }
};

class Conv2dPixels : public ::testing::TestWithParam<const char*> {};

TEST_P(Conv2dPixels, AreThoseOfEachWindowAlone) {
  const Convolution conv(GetParam());
  const ValueType in = testing::u8_type({kIn, kSize, kSize}, 0.02f, 117),
                  out = testing::u8_type({kOut, kSize - 2, kSize - 2}, 0.05f, 99),
                  window = testing::u8_type({kIn, 3, 3}, 0.02f, 117),
                  pixel = testing::u8_type({kOut, 1, 1}, 0.05f, 99);
  const std::unique_ptr<ops::Step> wide = conv.step(in, out), narrow = conv.step(window, pixel);
  if (narrow->kernel().ends_with("vnni")) {
    EXPECT_NE(wide->kernel(), narrow->kernel());
  }
  const Values image = testing::random_values(in, 1, 3), all = testing::run_step(*wide, {image}, out, 1);
  for (std::int64_t y = 0; y + 2 < kSize; ++y)
    for (std::int64_t x = 0; x + 2 < kSize; ++x) {
      Values part(window, 1);
      for (std::int64_t c = 0; c < kIn; ++c)
        for (std::int64_t i = 0; i < 9; ++i)
          part.data[static_cast<std::size_t>(c * 9 + i)] = testing::at(image, 0, c, y + i / 3, x + i % 3);
      const Values alone = testing::run_step(*narrow, {part}, pixel, 1);
      for (std::int64_t c = 0; c < kOut; ++c)
        ASSERT_EQ(testing::at(all, 0, c, y, x), testing::at(alone, 0, c, 0, 0))
            << c << ", " << y << ", " << x;
    }
}

INSTANTIATE_TEST_SUITE_P(Schemes, Conv2dPixels,
                         ::testing::Values("int4", "int4-asym", "int4-tensor", "int4-g32", "int3", "int2",
                                           "ternary", "binary", "nf4", "apot4"));

}  // namespace
}  // namespace lowbit
