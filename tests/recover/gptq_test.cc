// SPDX-License-Identifier: Apache-2.0
// GPTQ and Qronos against transcriptions of the papers in double, which invert matrices anew for every
// column.
#include "lowbit/recover/gptq.h"
#include "lowbit/quant/make_quantizer.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/recover/qronos.h"
#include "recover/random_layer.h"
#include "support/effort.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::expect_same_matrix;
using testing::random_layer;
using testing::RandomLayer;
using testing::says;
using testing::values_of;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

Matrix matrix_of(const std::vector<double>& m, std::int64_t n) {
  return Eigen::Map<const Matrix>(m.data(), n, n);
}

std::vector<Eigen::Index> by_diagonal(const Matrix& h, bool act_order) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(h.rows()));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  if (act_order)
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return h(a, a) > h(b, b); });
  return order;
}

Matrix part(const Matrix& m, const std::vector<Eigen::Index>& rows, const std::vector<Eigen::Index>& cols) {
  return m(rows, cols);
}

// Equations 2 and 3 of the GPTQ paper: the inverse is that of the moments of the columns that are still real.
std::vector<int> gptq_of_paper(const WeightGrid& grid, std::int64_t row, Vector w, Matrix h, double share,
                               bool act_order) {
  const std::vector<Eigen::Index> order = by_diagonal(h, act_order);
  const double mean = h.trace() / double((h.diagonal().array() > 0).count());
  for (Eigen::Index i = 0; i < h.rows(); ++i) h(i, i) = h(i, i) > 0 ? h(i, i) + share * mean : 1;
  std::vector<int> choice(static_cast<std::size_t>(w.size()));
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::vector<Eigen::Index> left(order.begin() + static_cast<std::ptrdiff_t>(k), order.end());
    const Matrix inverse = part(h, left, left).inverse();
    const Eigen::Index c = order[k];
    const int chosen = grid.nearest(row, c, w(c));
    choice[static_cast<std::size_t>(c)] = chosen;
    const double error = (w(c) - double(grid.value(row, c, chosen))) / inverse(0, 0);
    for (std::size_t j = 0; j < left.size(); ++j)
      w(left[j]) -= error * inverse(0, static_cast<Eigen::Index>(j));
  }
  return choice;
}

// Each column the best one with the real weights behind it, which are then all chosen anew: the definition
// that the paper starts from.
std::vector<int> qronos_of_paper(const WeightGrid& grid, std::int64_t row, const Vector& w, Matrix h,
                                 Matrix g, double damping) {
  const std::vector<Eigen::Index> order = by_diagonal(h, true);
  for (Eigen::Index i = 0; i < h.rows(); ++i) h(i, i) += damping, g(i, i) += damping;
  const Vector target = g.transpose() * w;  // E[y (x w)]
  Vector current = w;
  std::vector<int> choice(static_cast<std::size_t>(w.size()));
  for (std::size_t k = 0; k < order.size(); ++k) {
    const Eigen::Index c = order[k];
    const double rest = h.row(c).dot(current) - h(c, c) * current(c);
    const int chosen = grid.nearest(row, c, (target(c) - rest) / h(c, c));
    choice[static_cast<std::size_t>(c)] = chosen;
    current(c) = double(grid.value(row, c, chosen));
    const std::vector<Eigen::Index> done(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k + 1)),
        left(order.begin() + static_cast<std::ptrdiff_t>(k + 1), order.end());
    if (left.empty()) break;
    const Vector right = target(left) - part(h, left, done) * current(done);
    current(left) = part(h, left, left).ldlt().solve(right).eval();
  }
  return choice;
}

Vector row_of(const RandomLayer& layer, std::int64_t r) {
  Vector w(layer.columns);
  for (Eigen::Index c = 0; c < w.size(); ++c) w(c) = double(layer.view()(r, c));
  return w;
}

constexpr const char* kSchemes[] = {
    "int4",    "int3-g32", "int2",    "int4-asym", "int3-asymf-g32-wo", "int8",  "kmeans3",    "nf4", "log4",
    "ternary", "ttq",      "binary2", "mxfp4",     "fp8e4m3-wo",        "nvfp4", "int3-tensor"};

TEST(Gptq, IsThePaperInEveryScheme) {
  constexpr std::int64_t kColumns = testing::kSlowdown > 1 ? 36 : 48;
  const RandomLayer layer = random_layer(testing::kSlowdown > 1 ? 3 : 6, kColumns, 21);
  const std::vector<OutputError> errors{layer.alone()};
  const Matrix h = matrix_of(errors[0].second_moment, kColumns);
  for (const char* scheme : kSchemes)
    for (const bool act_order : {true, false}) {
      SCOPED_TRACE(scheme);
      const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
      std::vector<int> expected;
      for (std::int64_t r = 0; r < layer.rows; ++r) {
        const std::vector<int> row = gptq_of_paper(grid, r, row_of(layer, r), h, 0.01, act_order);
        expected.insert(expected.end(), row.begin(), row.end());
      }
      const RoundingResult result = gptq(layer.view(), grid, errors, {.act_order = act_order});
      expect_same_matrix(result.codes, grid.matrix(expected));
      EXPECT_EQ(result.report.tries, 1);
      EXPECT_NEAR(result.report.damping, 0.01 * h.trace() / kColumns, 1e-12);
      EXPECT_EQ(result.report.note, "");
      EXPECT_NEAR(result.report.loss_before, output_loss(layer.view(), grid.fitted(), errors),
                  1e-12 * result.report.loss_before);
      EXPECT_NEAR(result.report.loss_after, output_loss(layer.view(), result.codes, errors),
                  1e-12 * result.report.loss_after);
    }
}

// More columns than one block, and several blocks of rows.
TEST(Gptq, IsThePaperBeyondABlock) {
  constexpr std::int64_t kColumns = testing::kSlowdown > 1 ? 139 : 277;
  const RandomLayer layer = random_layer(11, kColumns, 22);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{.granularity = per_group(32)});
  const RoundingResult result = gptq(layer.view(), grid, errors);
  const Matrix h = matrix_of(errors[0].second_moment, kColumns);
  for (const std::int64_t r : {0, 7, 10}) {
    if (testing::kSlowdown > 1 && r != 7) continue;  // the paper's way inverts a matrix for every column
    const std::vector<int> row = gptq_of_paper(grid, r, row_of(layer, r), h, 0.01, true);
    for (std::int64_t c = 0; c < layer.columns; ++c)
      ASSERT_EQ(result.codes.code(r, c), grid.code(r, c, row[static_cast<std::size_t>(c)])) << r << ", " << c;
  }
}

TEST(Qronos, IsThePaperInEveryScheme) {
  const RandomLayer layer = random_layer(5, 40, 23);
  const std::vector<OutputError> errors{layer.with_cross()};
  const Matrix h = matrix_of(errors[0].second_moment, 40), g = matrix_of(errors[0].cross_moment, 40);
  for (const char* scheme : kSchemes) {
    SCOPED_TRACE(scheme);
    const WeightGrid grid(layer.view(), make_quantizer(parse_scheme(scheme)));
    const RoundingResult result = qronos(layer.view(), grid, errors, {.descent_passes = 0});
    const double largest = Eigen::SelfAdjointEigenSolver<Matrix>(h).eigenvalues().maxCoeff();
    EXPECT_NEAR(result.report.damping, 1e-6 * largest, 1e-9 * largest);
    std::vector<int> expected;
    for (std::int64_t r = 0; r < layer.rows; ++r) {
      const std::vector<int> row = qronos_of_paper(grid, r, row_of(layer, r), h, g, result.report.damping);
      expected.insert(expected.end(), row.begin(), row.end());
    }
    expect_same_matrix(result.codes, grid.matrix(expected));
    const RoundingResult refined = qronos(layer.view(), grid, errors);
    EXPECT_LE(refined.report.loss_after, result.report.loss_after * (1 + 1e-12));
  }
}

TEST(Qronos, RepairsWhatEarlierLayersDid) {
  const RandomLayer layer = random_layer(16, 64, 24);
  const std::vector<OutputError> errors{layer.with_cross()};
  const WeightGrid grid(layer.view(), Affine<4>{});
  const double of_gptq = gptq(layer.view(), grid, errors).report.loss_after;
  const RoundingResult result = qronos(layer.view(), grid, errors);
  EXPECT_LT(result.report.loss_after, 0.8 * of_gptq);
  EXPECT_NEAR(result.report.loss_after, layer.error_of(values_of(result.codes), true),
              1e-9 * result.report.loss_after);
}

TEST(Qronos, WithoutACrossMomentIsGptqWithItsDamping) {
  const RandomLayer layer = random_layer(4, 30, 25);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingResult q = qronos(layer.view(), grid, errors, {.descent_passes = 0});
  const double mean = matrix_of(errors[0].second_moment, 30).trace() / 30;
  expect_same_matrix(q.codes, gptq(layer.view(), grid, errors, {.damping = q.report.damping / mean}).codes);
}

TEST(Gptq, ThreadsDoNotMatter) {
  const RandomLayer layer = random_layer(37, 130, 26);
  const std::vector<OutputError> errors{layer.with_cross()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  expect_same_matrix(gptq(layer.view(), grid, errors, {.threads = 4}).codes,
                     gptq(layer.view(), grid, errors).codes);
  expect_same_matrix(qronos(layer.view(), grid, errors, {.threads = 3}).codes,
                     qronos(layer.view(), grid, errors).codes);
}

// A convolution of groups is as many layers.
TEST(Gptq, GroupsAreLayersOfTheirOwn) {
  for (const std::int64_t rows : {1, 3}) {  // 1: depthwise
    std::vector<RandomLayer> layers;
    std::vector<OutputError> errors;
    RandomLayer whole{.rows = 0, .columns = 9};
    for (std::uint64_t g = 0; g < 6; ++g) {
      layers.push_back(random_layer(rows, 9, 30 + g));
      errors.push_back(layers.back().with_cross());
      whole.rows += rows;
      whole.weights.insert(whole.weights.end(), layers.back().weights.begin(), layers.back().weights.end());
    }
    const auto check = [&](const auto& round) {
      const QuantizedMatrix q = round(whole.view(), std::span<const OutputError>(errors)).codes;
      for (std::size_t g = 0; g < layers.size(); ++g) {
        const QuantizedMatrix alone = round(layers[g].view(), std::span(errors).subspan(g, 1)).codes;
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t c = 0; c < 9; ++c)
            ASSERT_EQ(q.code(static_cast<std::int64_t>(g) * rows + r, c), alone.code(r, c));
      }
    };
    check([](const MatrixView& w, std::span<const OutputError> e) {
      return gptq(w, WeightGrid(w, Affine<3>{}), e, {.threads = 2});
    });
    check([](const MatrixView& w, std::span<const OutputError> e) {
      return qronos(w, WeightGrid(w, Affine<3>{}), e, {.threads = 2});
    });
  }
}

TEST(Gptq, OneColumn) {
  const RandomLayer layer = random_layer(3, 1, 40);
  const std::vector<OutputError> errors{layer.with_cross()};
  const WeightGrid grid(layer.view(), Affine<4>{.granularity = per_tensor()});
  expect_same_matrix(gptq(layer.view(), grid, errors).codes, grid.fitted());
  EXPECT_LE(qronos(layer.view(), grid, errors).report.loss_after,
            output_loss(layer.view(), grid.fitted(), errors));
}

TEST(Gptq, ColumnsWithoutInputsKeepTheNearestCodes) {
  RandomLayer layer = random_layer(4, 24, 41);
  for (std::int64_t s = 0; s < layer.samples; ++s)
    for (const std::int64_t c : {0, 5, 23})
      layer.y[static_cast<std::size_t>(s * 24 + c)] = layer.x[static_cast<std::size_t>(s * 24 + c)] = 0;
  const std::vector<OutputError> errors{layer.with_cross()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  for (const bool act_order : {true, false})
    for (const QuantizedMatrix& q : {gptq(layer.view(), grid, errors, {.act_order = act_order}).codes,
                                     qronos(layer.view(), grid, errors, {.act_order = act_order}).codes})
      for (std::int64_t r = 0; r < 4; ++r)
        for (const std::int64_t c : {0, 5, 23}) EXPECT_EQ(q.code(r, c), grid.fitted().code(r, c));
}

TEST(Gptq, NoInputsAtAllIsNearest) {
  const RandomLayer layer = random_layer(2, 6, 42);
  const std::vector<OutputError> errors{{.columns = 6, .second_moment = std::vector<double>(36)}};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingResult result = gptq(layer.view(), grid, errors);
  expect_same_matrix(result.codes, grid.fitted());
  EXPECT_EQ(result.report.loss_after, 0);
  expect_same_matrix(qronos(layer.view(), grid, errors).codes, grid.fitted());
}

// Fewer samples than columns: without damping nothing can be factorized, and the report says what was done.
TEST(Gptq, RaisesTheDampingOfSingularMomentsAndSaysSo) {
  RandomLayer layer = random_layer(3, 32, 43, 0.5, 8);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingResult plain = gptq(layer.view(), grid, errors);
  EXPECT_EQ(plain.report.tries, 1);
  EXPECT_LT(plain.report.loss_after, 0.5 * plain.report.loss_before);
  OutputError indefinite = errors[0];
  const double mean = matrix_of(indefinite.second_moment, 32).trace() / 32;
  for (std::size_t i = 0; i < 32; ++i)
    indefinite.second_moment[i * 33] = std::max(0.1 * mean, indefinite.second_moment[i * 33] - 0.05 * mean);
  const RoundingResult raised = gptq(layer.view(), grid, {&indefinite, 1});
  EXPECT_GT(raised.report.tries, 1);
  EXPECT_NEAR(
      raised.report.damping,
      0.01 * std::pow(10.0, raised.report.tries - 1) * matrix_of(indefinite.second_moment, 32).trace() / 32,
      1e-12);
  EXPECT_TRUE(says(raised.report.note, {"damping was raised"}));
  const RoundingResult from_nothing =
      gptq(layer.view(), grid, {&indefinite, 1}, {.damping = 0, .raises = 12});
  EXPECT_GT(from_nothing.report.tries, 5);
  EXPECT_TRUE(says(error_of(
                       [&] {
                         static_cast<void>(gptq(layer.view(), grid, {&indefinite, 1}, {.raises = 0}));
                       },
                       ErrorCode::invalid_argument),
                   {"group 0", "cannot be factorized"}));
}

TEST(Gptq, RefusesWhatCannotBe) {
  const RandomLayer layer = random_layer(3, 8, 44), other = random_layer(2, 8, 45);
  const std::vector<OutputError> errors{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(gptq(layer.view(), grid, errors, {.damping = -1})); },
                            ErrorCode::invalid_argument),
                   {"gptq", "damping", "-1"}));
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(qronos(layer.view(), grid, errors, {.threads = 0})); },
                            ErrorCode::invalid_argument),
                   {"qronos", "thread", "0"}));
  EXPECT_TRUE(
      says(error_of([&] { static_cast<void>(gptq(other.view(), grid, errors)); }, ErrorCode::shape_mismatch),
           {"3x8", "2x8"}));
}

// The shape of a transformer's projection, smaller: correlated inputs, few bits.
TEST(Gptq, HalvesTheErrorOfATransformersProjection) {
  constexpr std::int64_t kSize = testing::kSlowdown > 1 ? 96 : 256;
  const RandomLayer layer = random_layer(kSize, kSize, 46, 0.9);
  const std::vector<OutputError> errors{layer.with_cross()}, alone{layer.alone()};
  const WeightGrid grid(layer.view(), Affine<3>{});
  const RoundingReport g = gptq(layer.view(), grid, alone, {.threads = 2}).report;
  const RoundingReport q = qronos(layer.view(), grid, alone, {.threads = 2}).report;
  const RoundingReport x = qronos(layer.view(), grid, errors, {.threads = 2}).report;
  RecordProperty("gptq", std::to_string(g.loss_before / g.loss_after));
  RecordProperty("qronos", std::to_string(q.loss_before / q.loss_after));
  RecordProperty("qronos_cross", std::to_string(x.loss_before / x.loss_after));
  EXPECT_LT(2 * g.loss_after, g.loss_before);
  EXPECT_LT(2 * q.loss_after, q.loss_before);
  EXPECT_LT(2 * x.loss_after, x.loss_before);
}

}  // namespace
}  // namespace lowbit
