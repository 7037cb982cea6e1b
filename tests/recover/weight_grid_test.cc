// SPDX-License-Identifier: Apache-2.0
// A grid has the values of every scheme, and its nearest ones are those of quantize().
#include "lowbit/recover/weight_grid.h"
#include "lowbit/quant/make_quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <variant>

#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/detail/storage.h"
#include "lowbit/quant/ternary.h"
#include "recover/random_layer.h"
#include "support/error_of.h"
#include "support/values.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::expect_same_matrix;
using testing::says;
using testing::values_of;

constexpr std::int64_t kRows = 7, kCols = 83;

const std::vector<float>& grid_weights() {
  static const std::vector<float> weights = [] {
    std::vector<float> w = testing::gaussian_values(static_cast<std::size_t>(kRows * kCols), 11);
    for (std::size_t i = 0; i < w.size(); i += 17) w[i] = 0.0f;
    for (std::size_t c = 0; c < kCols; ++c) w[3 * kCols + c] = 0.0f;                         // a row of zeros
    for (std::size_t c = 0; c < kCols; ++c) w[4 * kCols + c] = std::fabs(w[4 * kCols + c]);  // of one sign
    for (std::size_t c = 0; c < kCols; ++c) w[5 * kCols + c] *= 0x1p-30f;                    // beyond fp16
    return w;
  }();
  return weights;
}

MatrixView grid_view() {
  return {grid_weights().data(), kRows, kCols};
}

bool chooses_by_distance(const AnyQuantizer& quantizer) {
  const float sample[] = {-1.0f, 0.5f};
  return !std::holds_alternative<TernaryGroup>(quantizer.fit(sample, {}));
}

void expect_grid_of(const AnyQuantizer& quantizer) {
  const QuantizedMatrix q = quantize(grid_view(), quantizer);
  const WeightGrid grid(grid_view(), quantizer);
  expect_same_matrix(grid.matrix(grid.start()), q);
  const std::vector<float> real = values_of(q);
  std::vector<int> nearest;
  for (std::int64_t r = 0; r < kRows; ++r)
    for (std::int64_t c = 0; c < kCols; ++c) {
      const auto i = static_cast<std::size_t>(r * kCols + c);
      const std::span<const float> values = grid.values(r, c);
      ASSERT_TRUE(std::is_sorted(values.begin(), values.end()));
      ASSERT_EQ(values[static_cast<std::size_t>(grid.start()[i])], real[i]) << r << ", " << c;
      ASSERT_EQ(grid.index(r, c, grid.code(r, c, grid.start()[i])), grid.start()[i]);
      nearest.push_back(grid.nearest(r, c, double(grid_weights()[i])));
    }
  if (chooses_by_distance(quantizer)) expect_same_matrix(grid.matrix(nearest), q);
}

TEST(WeightGrid, NearestValuesOfEverySchemeAreItsCodes) {
  int schemes = 0;
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32()) continue;
    SCOPED_TRACE(format_scheme(s));
    expect_grid_of(make_quantizer(s));
    ++schemes;
  }
  EXPECT_GT(schemes, 80);
}

TEST(WeightGrid, OptionsThatNoSchemeHas) {
  expect_grid_of(Affine<2>{.granularity = per_group(8), .narrow = false});
  expect_grid_of(Affine<3>{.mapping = Mapping::asymmetric});
  expect_grid_of(Affine<3>{.granularity = per_tensor(), .mapping = Mapping::asymmetric_real});
  expect_grid_of(Affine<8>{.granularity = per_group(16), .mapping = Mapping::asymmetric});
  expect_grid_of(Affine<2>{.granularity = per_group(16), .mapping = Mapping::asymmetric_real});
  expect_grid_of(Nf4{.granularity = per_group(16), .double_quantization = true});
  expect_grid_of(Codebook{.table = {3.0f, -1.0f, 3.0f, 0.5f}});
  expect_grid_of(Binary{.granularity = per_tensor(), .planes = 3});
}

TEST(WeightGrid, ValuesAreAllThatAWeightMayBe) {
  const WeightGrid narrow(grid_view(), Affine<3>{}), wide(grid_view(), Affine<3>{.narrow = false});
  EXPECT_EQ(narrow.values(0, 0).size(), 7u);
  EXPECT_EQ(narrow.value(0, 0, 3), 0.0f);
  EXPECT_EQ(narrow.value(0, 0, 0), -narrow.value(0, 0, 6));
  EXPECT_EQ(wide.values(0, 0).size(), 8u);
  EXPECT_EQ(WeightGrid(grid_view(), Twn{}).values(0, 0).size(), 3u);
  EXPECT_EQ(WeightGrid(grid_view(), Ttq{}).values(0, 0).size(), 3u);
  EXPECT_EQ(WeightGrid(grid_view(), Binary{.planes = 2}).values(0, 0).size(), 4u);
  EXPECT_EQ(WeightGrid(grid_view(), Fp4{}).values(0, 0).size(), 15u);  // two zeros
  const WeightGrid groups(grid_view(), Affine<4>{.granularity = per_group(32)});
  EXPECT_EQ(groups.values(0, 0).data(), groups.values(0, 31).data());
  EXPECT_NE(groups.values(0, 0).data(), groups.values(0, 32).data());
}

TEST(WeightGrid, TernaryIsNearestByDistance) {
  const WeightGrid grid(grid_view(), Twn{});
  const double scale = double(grid.value(0, 0, 2));
  EXPECT_EQ(grid.nearest(0, 0, 0.49 * scale), 1);
  EXPECT_EQ(grid.nearest(0, 0, 0.51 * scale), 2);
  EXPECT_EQ(grid.nearest(0, 0, -9 * scale), 0);
  EXPECT_EQ(grid.nearest(0, 0, std::nan("")), 1);
}

TEST(WeightGrid, AFinishedMatrixIsAsGood) {
  for (const char* scheme :
       {"int3", "int2-g32", "int4-asym", "ternary", "kmeans3", "nf4", "binary2", "mxfp4", "int8"}) {
    SCOPED_TRACE(scheme);
    const AnyQuantizer quantizer = make_quantizer(parse_scheme(scheme));
    const WeightGrid fitted(grid_view(), quantizer), given(quantize(grid_view(), quantizer), quantizer);
    ASSERT_TRUE(std::equal(fitted.start().begin(), fitted.start().end(), given.start().begin()));
    for (std::int64_t r = 0; r < kRows; ++r)
      for (std::int64_t c = 0; c < kCols; ++c) {
        const auto a = fitted.values(r, c), b = given.values(r, c);
        ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
      }
  }
}

TEST(WeightGrid, AnyChoiceIsWhatTheMatrixHas) {
  for (const Scheme& s : known_schemes()) {
    if (s.is_fp32()) continue;
    SCOPED_TRACE(format_scheme(s));
    const WeightGrid grid(grid_view(), make_quantizer(s));
    testing::Random random(3);
    std::vector<int> choice;
    std::vector<float> expected;
    for (std::int64_t r = 0; r < kRows; ++r)
      for (std::int64_t c = 0; c < kCols; ++c) {
        const auto most = static_cast<std::int64_t>(grid.values(r, c).size()) - 1;
        choice.push_back(static_cast<int>(random.integer(0, most)));
        expected.push_back(grid.value(r, c, choice.back()));
      }
    const QuantizedMatrix q = grid.matrix(choice);
    EXPECT_NO_THROW(q.validate());
    const std::vector<float> real = values_of(q);
    ASSERT_EQ(real, expected);
    // Rows alone are the same.
    const WeightGrid part = grid.part(2, 3);
    const std::vector<float> rows = values_of(part.matrix(std::span(choice).subspan(2 * kCols, 3 * kCols)));
    ASSERT_TRUE(std::equal(rows.begin(), rows.end(), expected.begin() + 2 * kCols));
  }
}

TEST(WeightGrid, OtherScales) {
  const WeightGrid grid(grid_view(), Affine<4>{.granularity = per_group(32)});
  QuantizedMatrix q = grid.fitted();
  for (float& s : q.scales) s = grid.stored_scale(0.7f * s);
  const WeightGrid smaller = grid.refitted(q);
  EXPECT_EQ(smaller.values(0, 0).size(), 15u);
  EXPECT_EQ(smaller.value(0, 0, 14), 7.0f * q.scales[0]);
  EXPECT_TRUE(detail::is_half(q.scales[0]));
  EXPECT_FALSE(WeightGrid(grid_view(), make_quantizer(parse_scheme("mxfp4"))).free_scales());
  EXPECT_TRUE(WeightGrid(grid_view(), KMeans<3>{.granularity = per_group(32)}).free_levels());
  EXPECT_FALSE(WeightGrid(grid_view(), Nf4{}).free_levels());
}

TEST(WeightGrid, RefusesWhatCannotBe) {
  const WeightGrid grid(grid_view(), Affine<3>{});
  std::vector<int> choice(grid.start().begin(), grid.start().end());
  choice[kCols + 2] = 7;
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(grid.matrix(choice)); }, ErrorCode::invalid_argument),
                   {"value 7", "weight (1, 2)", "has 7"}));
  choice.pop_back();
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(grid.matrix(choice)); }, ErrorCode::shape_mismatch),
                   {"580", "7x83"}));
  EXPECT_TRUE(says(error_of([&] { WeightGrid(grid.fitted(), Affine<8>{}); }, ErrorCode::invalid_argument),
                   {"8 bits", "3 bits"}));
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(grid.part(6, 2)); }, ErrorCode::invalid_argument),
                   {"6 to 8", "7 rows"}));
  EXPECT_TRUE(says(error_of([&] { static_cast<void>(grid.refitted(quantize(grid_view(), Nf4{}))); },
                            ErrorCode::invalid_argument),
                   {"4"}));
}

}  // namespace
}  // namespace lowbit
