// SPDX-License-Identifier: Apache-2.0
// Dequantize tells the truth: for every scheme, Linear's output is the product, in double, with what was
// packed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/layers/eigen.h"
#include "lowbit/layers/linear.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/given_codes.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/gaussian_matrix.h"

namespace lowbit {
namespace {

/// What a layer with 8-bit activations makes of its input.
Eigen::MatrixXd quantized_input(const Eigen::MatrixXf& x, const QParams* fixed) {
  Eigen::MatrixXd values(x.rows(), x.cols());
  for (Eigen::Index s = 0; s < x.cols(); ++s) {
    const QParams q = fixed ? *fixed : dynamic_qparams(x.col(s).minCoeff(), x.col(s).maxCoeff());
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      const float code = std::nearbyint(x(i, s) * (1.0f / q.scale)) + static_cast<float>(q.zero_point);
      values(i, s) = (std::min(255.0, std::max(0.0, double{code})) - q.zero_point) * double{q.scale};
    }
  }
  return values;
}

/// `rounding`: relative to the sum of magnitudes.
void expect_product(const Linear& fc, const QuantizedMatrix& q, const Eigen::MatrixXf& x,
                    const Eigen::MatrixXd& a, const Eigen::VectorXf& b, double rounding) {
  const Eigen::MatrixXd w = dequantize(q).cast<double>();
  const Eigen::MatrixXf y = fc(x);
  const Eigen::MatrixXd expected = (w * a).colwise() + b.cast<double>(),
                        size = (w.cwiseAbs() * a.cwiseAbs()).colwise() + b.cwiseAbs().cast<double>();
  for (Eigen::Index i = 0; i < y.size(); ++i)
    ASSERT_NEAR(double(y.data()[i]), expected.data()[i], rounding * size.data()[i])
        << i << " on " << fc.kernel();
}

void expect_product_of_what_was_packed(const std::string& scheme) {
  const bool floats = parse_scheme(scheme).activation_bits == 0;
  for (const Eigen::Index in : {5, 64, 203}) {
    const Eigen::MatrixXf weights = testing::gaussian_matrix(37, in, 1),
                          x = testing::gaussian_matrix(in, 9, 2);
    const Eigen::VectorXf b = testing::gaussian_matrix(37, 1, 3);
    const QuantizedMatrix q = quantize(weights, make_quantizer(scheme));
    if (parse_scheme(scheme).activation_bits == 1) {
      const Linear fc(q, {.bias = b, .activations = dynamic_activations(1)});
      Eigen::MatrixXd signs(x.rows(), x.cols());
      for (Eigen::Index s = 0; s < x.cols(); ++s)
        for (Eigen::Index i = 0; i < x.rows(); ++i)
          signs(i, s) = (x(i, s) < 0 ? -1.0 : 1.0) * x.col(s).cast<double>().cwiseAbs().mean();
      expect_product(fc, q, x, signs, b, 1e-6);
      continue;
    }
    if (floats) {
      const Linear fc(q, {.bias = b, .activations = weight_only()});
      expect_product(fc, effective_weights(q, kernels::ActType::f32), x, x.cast<double>(), b, 1e-5);
      expect_product(fc, q, x, x.cast<double>(), b, 1e-5);
      continue;
    }
    const QuantizedMatrix packed = effective_weights(q, kernels::ActType::u8);
    expect_product(Linear(q, {.bias = b}), packed, x, quantized_input(x, nullptr), b, 2e-6);
    const QParams fixed{0.03f, 117};
    expect_product(Linear(q, {.bias = b, .activations = static_activations(fixed)}), packed, x,
                   quantized_input(x, &fixed), b, 2e-6);
  }
}

// In one test, not one for each scheme: an emulator takes longer to start than a scheme to check.
TEST(LinearOfEveryScheme, EqualsTheProductOfWhatWasPacked) {
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32() || !why_not_built(s).empty()) continue;
    SCOPED_TRACE(format_scheme(s));
    expect_product_of_what_was_packed(format_scheme(s));
  }
}

// Codes that somebody else chose run like those of quantize(): scales of groups that are no fp16 numbers,
// negative ones and zeros among them, zero points, a table of each row.
TEST(LinearOfGivenCodes, EqualsTheProductOfWhatWasGiven) {
  const Eigen::Index rows = 37, cols = 96;
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(rows * cols));
  std::vector<float> scales(static_cast<std::size_t>(rows * cols / 32)),
      levels(static_cast<std::size_t>(rows) * 16);
  std::vector<std::int32_t> zeros(scales.size());
  unsigned state = 1;
  const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 16; };
  for (auto& c : codes) c = static_cast<std::uint8_t>(next() % 16);
  for (auto& s : scales) s = (static_cast<float>(next() % 2001) - 1000.0f) * 0x1.3p-13f;
  for (auto& z : zeros) z = static_cast<std::int32_t>(next() % 16);
  for (auto& l : levels) l = (static_cast<float>(next() % 2001) - 1000.0f) * 0x1.7p-11f;
  scales[5] = 0.0f;
  const CodesView view(codes.data(), rows, cols);
  std::vector<QuantizedMatrix> matrices{
      matrix_from_codes(AffineCodes{
          .codes = view, .bits = 4, .granularity = per_group(32), .scales = scales, .zero_points = zeros}),
      matrix_from_codes(AffineCodes{.codes = view,
                                    .bits = 4,
                                    .scales = std::span(scales).last(37),
                                    .zero_points = std::span(zeros).last(37)}),
      matrix_from_codes(TableCodes{.codes = view, .levels = levels, .levels_per_row = true}),
      matrix_from_codes(TableCodes{.codes = view, .levels = std::span(levels).first(16)})};
  const Eigen::MatrixXf x = testing::gaussian_matrix(cols, 9, 2);
  const Eigen::VectorXf b = testing::gaussian_matrix(rows, 1, 3);
  for (const QuantizedMatrix& q : matrices) {
    SCOPED_TRACE(&q - matrices.data());
    expect_product(Linear(q, {.bias = b, .activations = weight_only()}), q, x, x.cast<double>(), b, 1e-5);
    expect_product(Linear(q, {.bias = b}), effective_weights(q, kernels::ActType::u8), x,
                   quantized_input(x, nullptr), b, 2e-6);
  }
}

TEST(LinearWeightOnly, TakesStridedSamplesWithTheSameBits) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(20, 50, 4), x = testing::gaussian_matrix(50, 6, 5);
  const Linear fc(quantize(w, make_quantizer("nf4-g32-wo")), {.activations = weight_only()});
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = x;
  const Eigen::MatrixXf a = fc(x), b = fc(rows);
  EXPECT_EQ(a, b);
}

// No kernel has a term for them: Linear adds them, and limits what comes out only then.
TEST(LinearWeightOnly, TakesOffsetsOfGroups) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(8, 72, 6), x = testing::gaussian_matrix(72, 3, 7);
  const Eigen::VectorXf bias = testing::gaussian_matrix(8, 1, 8).col(0);
  for (const char* scheme : {"int2-g32-asymf-wo", "int4-g32-asymf-wo", "int8-g16-asymf-wo"}) {
    const QuantizedMatrix q = quantize(w, make_quantizer(scheme));
    Eigen::MatrixXf values(8, 72);
    dequantize(q, values);
    const Linear fc(q, {.bias = bias, .activations = weight_only(), .activation = {.lo = -1.0f, .hi = 2.0f}});
    const Eigen::MatrixXf y = fc(x), two = fc(x.rightCols(2));
    const Eigen::MatrixXf expected = ((values * x).colwise() + bias).cwiseMax(-1.0f).cwiseMin(2.0f);
    EXPECT_LT((y - expected).cwiseAbs().maxCoeff(), 1e-4f) << scheme;
    EXPECT_EQ(Eigen::MatrixXf(y.rightCols(2)), two) << "each sample by itself";
  }
}

TEST(LinearWeightOnly, NamesWhatNoKernelTakes) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(8, 64, 6);
  const auto error_of = [&](const AnyQuantizer& quantizer, const ActivationQuantization& activations) {
    try {
      Linear(quantize(w, quantizer), {.activations = activations});
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::not_built);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error_of(make_quantizer("fp8e4m3-wo"), dynamic_activations(8)).find("float"), std::string::npos);
  EXPECT_NE(error_of(make_quantizer("int4-asymf-wo"), dynamic_activations(8)).find("offsets"),
            std::string::npos);
  EXPECT_NE(error_of(make_quantizer("int8-g32-asymf-wo"), dynamic_activations(8)).find("offsets"),
            std::string::npos);
  EXPECT_EQ(error_of(make_quantizer("int8-g32-asymf-wo"), weight_only()), "");
  EXPECT_EQ(error_of(make_quantizer("int8-g32-asym"), weight_only()), "");
  EXPECT_NE(error_of(make_quantizer("int8"), dynamic_activations(4)).find("4 bits"), std::string::npos);
}

}  // namespace
}  // namespace lowbit
