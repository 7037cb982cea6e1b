// SPDX-License-Identifier: Apache-2.0
// The numbers of a range table against the values themselves, and the way back into quantize().
#include "lowbit/model/range_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lowbit/lowbit.h"
#include "model/calibration_network.h"
#include "support/error_of.h"

namespace lowbit {
namespace {

using testing::calibration_network;
using testing::calibration_samples;
using testing::error_of;
using testing::says;

/// Clips a good part of what it sees.
struct Tight {
  void observe(std::span<const float>) {}
  void merge(const Tight&) {}
  Range range(IntRange) const { return {-1.0f, 1.5f}; }
};

/// Quantizes the values themselves, in double.
struct Oracle {
  double sqnr_db = 0, clipped = 0;

  Oracle(const std::vector<float>& values, QParams q, int levels) {
    double signal = 0, noise = 0;
    for (const double v : values) {
      const double code = std::rint(v / double{q.scale}) + q.zero_point;
      const double kept = std::clamp(code, 0.0, double(levels - 1));
      const double error = v - (kept - q.zero_point) * double{q.scale};
      signal += v * v, noise += error * error;
      clipped += kept != code;
    }
    sqnr_db = 10 * std::log10(signal / noise);
    clipped /= static_cast<double>(values.size());
  }
};

TEST(RangeTable, SaysWhatTheValuesSay) {
  const Tensor samples = calibration_samples(5000);
  const CalibrationTable table = calibrate(calibration_network(), std::vector<Tensor>{samples},
                                           {.observer = Tight{}, .observer_name = "tight", .data = "noise"});
  std::vector<float> sorted = samples.data;
  std::sort(sorted.begin(), sorted.end());
  for (const int bits : {8, 4, 2}) {
    const RangeTable ranges = make_range_table(table, bits);
    EXPECT_EQ(ranges.samples, 5000);
    EXPECT_EQ(ranges.observer, "tight");
    EXPECT_EQ(ranges.data, "noise");
    EXPECT_EQ(ranges.model, fingerprint(calibration_network()));
    ASSERT_EQ(ranges.rows.size(), 3u);
    const RangeTable::Row& x = ranges.rows[0];
    EXPECT_EQ(x.tensor, "x");
    EXPECT_EQ(x.shape, Shape{6});
    EXPECT_EQ(x.count, 30000u);
    EXPECT_EQ(x.non_finite, 0u);
    EXPECT_EQ(x.min, sorted.front());
    EXPECT_EQ(x.max, sorted.back());
    EXPECT_EQ(x.clip, (Range{-1.0f, 1.5f}));
    EXPECT_EQ(x.bits, bits);
    EXPECT_EQ(x.qparams, choose_qparams({-1.0f, 1.5f}, unsigned_range(bits), Mapping::asymmetric));
    ASSERT_EQ(x.percentiles.size(), 7u);
    for (const auto& [percent, value] : x.percentiles) {
      const double rank = percent / 100 * 29999;
      const auto below = static_cast<std::size_t>(rank);
      const double exact =
          std::lerp(double{sorted[below]}, double{sorted[below + 1]}, rank - std::floor(rank));
      EXPECT_NEAR(value, exact, 0.006 * std::fabs(exact) + 1e-3) << percent;
    }
    const Oracle oracle(samples.data, x.qparams, 1 << bits);
    EXPECT_NEAR(x.sqnr_db.value(), oracle.sqnr_db, 0.05) << bits;
    EXPECT_NEAR(x.clipped.value(), oracle.clipped, 0.002) << bits;
    EXPECT_GT(oracle.clipped, 0.05);
    EXPECT_EQ(ranges.rows[1].min, 0.0f) << "after a ReLU";
  }
  for (const int bits : {1, 17, -3})
    error_of([&] { make_range_table(table, bits); }, ErrorCode::invalid_argument);
}

// Tables outlive versions of the library: this number does not change.
TEST(Fingerprint, IsForever) {
  EXPECT_EQ(fingerprint(calibration_network()), 0x93c5a45be5d166b4u);
}

TEST(RangeTable, ForAnotherModelOfTheSameShapesIsRefused) {
  const auto table = calibrate(calibration_network(), std::vector<Tensor>{calibration_samples(9)});
  EXPECT_NO_THROW(quantize(calibration_network(), table));
  EXPECT_TRUE(says(error_of([&] { quantize(calibration_network(2), table); }, ErrorCode::invalid_argument),
                   {"another model"}));
}

TEST(RangeTable, BitsAreChecked) {
  RangeTable::Row row;
  for (const int bits : {-1, 0, 1, 17, 40}) {
    row.bits = bits;
    EXPECT_THROW(row.set_clip({0, 1}), Error) << bits;
  }
}

TEST(RangeTable, CountsWhatIsNotFinite) {
  Tensor samples = calibration_samples(4);
  samples.data[3] = std::numeric_limits<float>::infinity();
  samples.data[9] = std::numeric_limits<float>::quiet_NaN();
  const RangeTable ranges = make_range_table(calibrate(calibration_network(), std::vector<Tensor>{samples}));
  EXPECT_EQ(ranges.rows[0].count, 24u);
  EXPECT_EQ(ranges.rows[0].non_finite, 2u);
}

TEST(RangeTable, RowsWithoutADistributionKnowTheirRange) {
  const RangeTable ranges = make_range_table(calibrate(
      calibration_network(), std::vector<Tensor>{calibration_samples(4)}, {.distributions = false}));
  const RangeTable::Row& row = ranges.rows[0];
  EXPECT_LT(row.clip.min, row.clip.max);
  EXPECT_FALSE(row.count || row.min || row.max || row.sqnr_db || row.clipped);
  EXPECT_TRUE(row.percentiles.empty());
}

class WayBack : public ::testing::Test {
 protected:
  std::string refusal(const RangeTable& ranges) const {
    return error_of([&] { calibration_table(ranges, fp32_); }, ErrorCode::invalid_argument);
  }
  const Model fp32_ = calibration_network();
  const CalibrationTable table_ =
      calibrate(fp32_, std::vector<Tensor>{calibration_samples(30)}, {.observer = HistogramObserver{}});
  const RangeTable ranges_ = make_range_table(table_);
};

TEST_F(WayBack, QuantizesToTheSameModel) {
  const auto expected = save_to_bytes(quantize(fp32_, table_));
  EXPECT_TRUE(save_to_bytes(quantize(fp32_, calibration_table(ranges_, fp32_))) == expected);
  RangeTable shuffled = ranges_;
  std::reverse(shuffled.rows.begin(), shuffled.rows.end());
  EXPECT_TRUE(save_to_bytes(quantize(fp32_, calibration_table(shuffled, fp32_))) == expected);
}

TEST_F(WayBack, TakesARangeThatWasChanged) {
  RangeTable changed = ranges_;
  changed.rows[0].set_clip({-0.5f, 0.5f});
  EXPECT_FALSE(changed.rows[0].sqnr_db || changed.rows[0].clipped);
  const QParams expected = choose_qparams({-0.5f, 0.5f}, unsigned_range(8), Mapping::asymmetric);
  EXPECT_EQ(changed.rows[0].qparams, expected);
  const Model model = quantize(fp32_, calibration_table(changed, fp32_));
  const auto of_input = [](const Model& m) {
    for (std::size_t v = 0; v < m.graph().values.size(); ++v)
      if (m.graph().values[v].name == "x:u8") return m.type(static_cast<ValueId>(v)).qparams;
    return QParams{};
  };
  EXPECT_EQ(of_input(model), expected);
  error_of([&] { changed.rows[0].set_clip({1.0f, 0.0f}); }, ErrorCode::invalid_argument);
}

TEST_F(WayBack, ATableOfAnotherModelIsRefused) {
  EXPECT_TRUE(
      says(error_of([&] { calibration_table(ranges_, calibration_network(2)); }, ErrorCode::invalid_argument),
           {"another model"}));
  RangeTable any = ranges_;
  any.model = 0;
  EXPECT_NO_THROW(calibration_table(any, calibration_network(2))) << "the same tensors";
  RangeTable odd = any;
  odd.rows[1].shape = Shape{9};
  EXPECT_TRUE(says(refusal(odd), {"'hidden'", "9", "8"}));
  odd = any;
  odd.rows.erase(odd.rows.begin() + 1);
  EXPECT_TRUE(says(refusal(odd), {"no tensor 'hidden'"}));
  odd = any;
  odd.rows.push_back(odd.rows[2]);
  EXPECT_TRUE(says(refusal(odd), {"'y' twice"}));
  odd.rows[3].tensor = "z";
  EXPECT_TRUE(says(refusal(odd), {"'z', which the model has not"}));
}

TEST_F(WayBack, ATableForOtherBitsIsRefusedWhereItIsNeeded) {
  const CalibrationTable four = calibration_table(make_range_table(table_, 4), fp32_);
  EXPECT_TRUE(says(error_of([&] { quantize(fp32_, four); }, ErrorCode::invalid_argument),
                   {"'x'", "4 bits", "256 codes"}));
  EXPECT_NO_THROW(quantize(fp32_, four, {.scheme = "int8-dynamic"}));
}

}  // namespace
}  // namespace lowbit
