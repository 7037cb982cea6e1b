// SPDX-License-Identifier: Apache-2.0
// lowbit::Linear as a user holds it: against the product in double of what was packed and what its input was
// quantized to, from Eigen objects of every layout, and through views that were written in place.
#include "lowbit/layers/linear.h"

#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/layers/eigen.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/dynamic.h"
#include "lowbit/quant/make_quantizer.h"
#include "support/gaussian_matrix.h"

namespace lowbit {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// What the layer makes of one sample: its codes' values.
Eigen::VectorXd quantized_sample(const Eigen::VectorXf& x, const QParams& q) {
  Eigen::VectorXd values(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const float code = std::nearbyint(x[i] * (1.0f / q.scale)) + static_cast<float>(q.zero_point);
    values[i] = (std::min(255.0, std::max(0.0, double{code})) - q.zero_point) * double{q.scale};
  }
  return values;
}

void expect_the_product(const Linear& fc, const QuantizedMatrix& q, const Eigen::MatrixXf& x,
                        const Eigen::VectorXf& b, const QParams* fixed = nullptr) {
  const Eigen::MatrixXd w = dequantize(q).cast<double>();
  const Eigen::MatrixXf y = fc(x);
  ASSERT_EQ(y.rows(), q.rows);
  ASSERT_EQ(y.cols(), x.cols());
  for (Eigen::Index s = 0; s < x.cols(); ++s) {
    const QParams p = fixed ? *fixed : dynamic_qparams(x.col(s).minCoeff(), x.col(s).maxCoeff());
    const Eigen::VectorXd a = quantized_sample(x.col(s), p);
    const Eigen::VectorXd expected = w * a + b.cast<double>();
    const Eigen::VectorXd size = w.cwiseAbs() * a.cwiseAbs() + b.cwiseAbs().cast<double>();
    for (Eigen::Index i = 0; i < y.rows(); ++i)
      EXPECT_NEAR(y(i, s), expected[i], 1e-6 * size[i]) << i << ", " << s;
  }
}

TEST(Linear, EqualsTheProductOfWhatWasPacked) {
  for (const Eigen::Index in : {1, 3, 31, 64, 129})
    for (const Eigen::Index out : {1, 10, 65}) {
      const Eigen::MatrixXf w = testing::gaussian_matrix(out, in, 1), x = testing::gaussian_matrix(in, 5, 2);
      const Eigen::VectorXf b = testing::gaussian_matrix(out, 1, 3);
      const auto check = [&](const AnyQuantizer& quantizer) {
        const QuantizedMatrix q = quantize(w, quantizer);
        expect_the_product(Linear(q, {.bias = b}), q, x, b);
        const QParams fixed{0.03f, 117};
        expect_the_product(Linear(q, {.bias = b, .activations = static_activations(fixed)}), q, x, b, &fixed);
      };
      check(Affine<8>{});
      check(Affine<8>{.granularity = per_tensor(), .mapping = Mapping::asymmetric});
      check(Affine<8>{.mapping = Mapping::asymmetric});
      check(Affine<5>{.mapping = Mapping::asymmetric});
      check(Affine<4>{.granularity = per_group(32), .mapping = Mapping::asymmetric});
      check(Affine<4>{.granularity = per_group(4)});
      check(Affine<2>{});
    }
}

TEST(Linear, LimitsWhatComesOut) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(17, 40, 1), x = testing::gaussian_matrix(40, 6, 2);
  for (const char* scheme : {"int8", "int4-g8", "ternary", "nf4"}) {
    const QuantizedMatrix q = quantize(w, scheme);
    for (const ActivationQuantization& activations : {dynamic_activations(8), weight_only()}) {
      const Eigen::MatrixXf all = Linear(q, {.activations = activations})(x);
      const Eigen::MatrixXf some =
          Linear(q, {.activations = activations, .activation = {.lo = 0.0f, .hi = 2.0f}})(x);
      EXPECT_EQ(some, all.cwiseMax(0.0f).cwiseMin(2.0f)) << scheme;
    }
  }
}

TEST(Linear, TakesEveryLayoutWithTheSameBits) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(7, 20, 1), x = testing::gaussian_matrix(20, 6, 2);
  const Linear fc(quantize(w, Affine<8>{}));
  const Eigen::MatrixXf y = fc(x);
  EXPECT_EQ(fc(RowMajor(x)), y);
  EXPECT_EQ(fc(x.leftCols(4)), y.leftCols(4));
  EXPECT_EQ(fc(x.rowwise().reverse()), Eigen::MatrixXf(y.rowwise().reverse()));  // an expression
  EXPECT_EQ(fc(x.col(2)), y.col(2));
  RowMajor rows(7, 6);
  fc.forward(x, rows);
  EXPECT_EQ(rows, y);
  Eigen::MatrixXf wide = Eigen::MatrixXf::Constant(9, 8, 42.0f);
  fc.forward(x, wide.block(1, 1, 7, 6));  // a temporary view of memory that stays
  EXPECT_EQ(wide.block(1, 1, 7, 6), y);
  EXPECT_EQ(wide.row(0).minCoeff(), 42.0f);
  EXPECT_EQ(wide.col(7).minCoeff(), 42.0f);
  // Samples as contiguous rows of raw memory.
  std::vector<float> out(7 * 6);
  fc.forward(TensorView(x.data(), Shape{6, 20}), MutableTensorView(out.data(), Shape{6, 7}));
  EXPECT_EQ(Eigen::Map<const Eigen::MatrixXf>(out.data(), 7, 6), y);
}

TEST(Linear, ManySamplesAndThreadsGiveTheBitsOfOne) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(33, 100, 1), x = testing::gaussian_matrix(100, 700, 2);
  const QuantizedMatrix q = quantize(w, Affine<8>{.mapping = Mapping::asymmetric});
  const Linear fc(q), threaded(q, {.executor = make_thread_pool(3)});
  const Eigen::MatrixXf y = fc(x);
  EXPECT_EQ(threaded(x), y);
  for (const Eigen::Index s : {0, 255, 256, 699}) EXPECT_EQ(fc(x.col(s)), y.col(s));
}

TEST(Linear, IgnoresTheCallersRoundingMode) {
  const Eigen::MatrixXf w = testing::gaussian_matrix(33, 70, 8), x = testing::gaussian_matrix(70, 4, 9);
  const Linear fc(quantize(w, Affine<8>{}), {.activations = dynamic_activations(8)});
  const Eigen::MatrixXf expected = fc(x);
  const int before = std::fegetround();
  std::fesetround(FE_UPWARD);
  const Eigen::MatrixXf got = fc(x);
  std::fesetround(before);
  EXPECT_EQ(std::memcmp(got.data(), expected.data(), sizeof(float) * static_cast<std::size_t>(got.size())),
            0);
}

TEST(Linear, RefusesWhatDoesNotFit) {
  const QuantizedMatrix q = quantize(testing::gaussian_matrix(4, 6, 1), Affine<8>{});
  EXPECT_THROW(Linear(q, {.bias = Eigen::VectorXf(3)}), Error);
  EXPECT_THROW(Linear(q, {.activations = dynamic_activations(4)}), Error);
  EXPECT_THROW(Linear(q, {.activations = static_activations({1.0f, 256})}), Error);
  QuantizedMatrix short_codes = q;
  short_codes.codes.pop_back();
  EXPECT_THROW(Linear{short_codes}, Error);
  const Linear fc(q);
  EXPECT_THROW(fc(Eigen::MatrixXf(5, 2)), Error);
  Eigen::MatrixXf y = Eigen::MatrixXf::Constant(4, 3, 42.0f);
  EXPECT_THROW(fc.forward(Eigen::MatrixXf(6, 2), y), Error);
  EXPECT_EQ(y.minCoeff(), 42.0f);
}

TEST(Views, AreWritableOnlyWhereTheResultIsKept) {
  static_assert(std::is_convertible_v<Eigen::MatrixXf&, MutableMatrixView>);
  static_assert(std::is_convertible_v<Eigen::Map<Eigen::MatrixXf>, MutableTensorView>);
  static_assert(!std::is_convertible_v<Eigen::MatrixXf, MutableMatrixView>);
  static_assert(!std::is_convertible_v<const Eigen::MatrixXf&, MutableMatrixView>);
  static_assert(!std::is_convertible_v<Eigen::Map<const Eigen::MatrixXf>&, MutableTensorView>);
  const Eigen::MatrixXf m = testing::gaussian_matrix(3, 4, 9);
  const MatrixView a(m), b = m.transpose();
  EXPECT_EQ(a(2, 1), m(2, 1));
  EXPECT_EQ(b(1, 2), m(2, 1));
  EXPECT_EQ(MatrixView(RowMajor(m).eval())(2, 1), m(2, 1));
  EXPECT_EQ(measure_error(m, m.array().matrix()).max, 0.0);
  EXPECT_EQ(measure_error(m.array(), m.array() * 1.0f).max, 0.0);
  EXPECT_EQ(measure_error(Tensor{}, Tensor{}).count, 0);
}

}  // namespace
}  // namespace lowbit
