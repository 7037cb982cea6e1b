// SPDX-License-Identifier: Apache-2.0
// The text of a table, and what is refused of a text that somebody edited.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "lowbit/lowbit.h"
#include "model/calibration_network.h"
#include "support/error_of.h"
#include "support/random.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::error_of;
using testing::Random;
using testing::says;
using testing::TemporaryFolder;

RangeTable small_table() {
  RangeTable table{0x0123456789abcdef, "entropy", "noise \"1\"", 12, {}};
  RangeTable::Row& x = table.rows.emplace_back();
  x.tensor = "x/1", x.shape = Shape{1, 28, 28}, x.count = 9408, x.non_finite = 2;
  x.min = -1.25f, x.max = 3.0f, x.percentiles = {{0.1, -1.0f}, {50, 0.1f}};
  x.set_clip({-1.0f, 1.55f});
  x.sqnr_db = 33.456, x.clipped = 0.0012345678;
  RangeTable::Row& y = table.rows.emplace_back();
  y.tensor = "y", y.bits = 4;
  y.set_clip({0.0f, 1e-20f});
  return table;
}

constexpr const char* kText = R"({
  "format": "lowbit-calibration",
  "version": 1,
  "model": "0123456789abcdef",
  "observer": "entropy",
  "data": "noise \"1\"",
  "samples": 12,
  "tensors": [
    {
      "tensor": "x/1",
      "shape": [1, 28, 28],
      "count": 9408,
      "non_finite": 2,
      "min": -1.25,
      "max": 3,
      "percentiles": {"0.1": -1, "50": 0.1},
      "clip": [-1, 1.55],
      "bits": 8,
      "scale": 0.01,
      "zero_point": 100,
      "sqnr_db": 33.46,
      "clipped": 0.00123457
    },
    {
      "tensor": "y",
      "shape": [],
      "count": null,
      "non_finite": null,
      "min": null,
      "max": null,
      "percentiles": null,
      "clip": [0, 1e-20],
      "bits": 4,
      "scale": 6.6666663e-22,
      "zero_point": 0,
      "sqnr_db": null,
      "clipped": null
    }
  ]
}
)";

/// kText with one piece changed.
std::string edited(const std::string& from, const std::string& to) {
  std::string text = kText;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(RangeTableJson, HasTheseBytes) {
  EXPECT_EQ(format_range_table(small_table()), kText);
}

TEST(RangeTableJson, ReadingGivesTheTableBack) {
  const RangeTable table = parse_range_table(kText);
  EXPECT_EQ(format_range_table(table), kText);
  EXPECT_EQ(table.model, 0x0123456789abcdefu);
  EXPECT_EQ(table.rows[0].clip, (Range{-1.0f, 1.55f}));
  EXPECT_EQ(table.rows[0].qparams, small_table().rows[0].qparams);
  EXPECT_EQ(table.rows[0].shape, (Shape{1, 28, 28}));
  EXPECT_EQ(table.rows[0].percentiles[1].percent, 50.0);
  EXPECT_FALSE(table.rows[1].count);
  const TemporaryFolder folder;
  save(table, folder / "t.json");
  EXPECT_EQ(folder.read("t.json"), kText);
  EXPECT_EQ(format_range_table(load_range_table(folder / "t.json")), kText);
}

TEST(RangeTableJson, EveryFloatComesBack) {
  Random random(4);
  for (int i = 0; i < 2000; ++i) {
    RangeTable table = small_table();
    const auto any = [&] { return std::bit_cast<float>(static_cast<std::uint32_t>(random.next())); };
    float a = any(), b = any();
    if (!std::isfinite(a) || !std::isfinite(b)) continue;
    if (a > b) std::swap(a, b);
    table.rows.resize(1);
    table.rows[0].set_clip({a, b});
    const RangeTable back = parse_range_table(format_range_table(table));
    ASSERT_EQ(back.rows[0].clip, (Range{a, b}));
    ASSERT_EQ(back.rows[0].qparams, table.rows[0].qparams);
  }
}

TEST(RangeTableJson, NumbersInKeysArePlainDecimals) {
  for (const char* key : {"0x1p3", " 5", "5 ", "", "nan", "1e1", "100.5"}) {
    std::string text = kText;
    const auto at = text.find("\"50\"");
    ASSERT_NE(at, std::string::npos);
    text.replace(at, 4, fmt::format("\"{}\"", key));
    EXPECT_THROW(parse_range_table(text), Error) << key;
  }
  RangeTable table = small_table();
  table.rows[0].max = std::numeric_limits<float>::infinity();
  EXPECT_THROW(format_range_table(table), Error) << "reading would refuse it";
}

TEST(RangeTableJson, QuantizesToTheSameModelWithEveryObserver) {
  const Model fp32 = testing::calibration_network();
  for (const std::string& name : known_observers()) {
    const CalibrationTable table = calibrate(fp32, std::vector<Tensor>{testing::calibration_samples(40)},
                                             {.observer = make_observer(name), .observer_name = name});
    const RangeTable back = parse_range_table(format_range_table(make_range_table(table)));
    EXPECT_EQ(back.observer, name);
    EXPECT_TRUE(back.rows[0].sqnr_db && back.rows[0].clipped) << name << " follows from its clip";
    EXPECT_TRUE(save_to_bytes(quantize(fp32, calibration_table(back, fp32))) ==
                save_to_bytes(quantize(fp32, table)))
        << name;
  }
}

TEST(RangeTableJson, AnEditedClipCounts) {
  const RangeTable table = parse_range_table(edited("[-1, 1.55]", "[-0.5, 6]"));
  const RangeTable::Row& row = table.rows[0];
  EXPECT_EQ(row.clip, (Range{-0.5f, 6.0f}));
  EXPECT_EQ(row.qparams, choose_qparams({-0.5f, 6.0f}, unsigned_range(8), Mapping::asymmetric));
  EXPECT_FALSE(row.sqnr_db || row.clipped) << "they were those of the old clip";
  EXPECT_EQ(row.count, 9408u);
}

TEST(RangeTableJson, LittleIsRequired) {
  const RangeTable table = parse_range_table(
      R"({"format": "lowbit-calibration", "version": 1, "samples": 1,
          "tensors": [{"tensor": "x", "shape": [2], "bits": 8, "clip": [0, 1]}]})");
  EXPECT_EQ(table.model, 0u);
  EXPECT_EQ(table.rows[0].qparams.scale, 1.0f / 255.0f);
}

TEST(RangeTableJson, InfiniteRatiosAreNull) {
  RangeTable table = small_table();
  table.rows[0].sqnr_db = HUGE_VAL;
  EXPECT_NE(format_range_table(table).find("\"sqnr_db\": null"), std::string::npos);
  table.rows[0].sqnr_db = -0.001;
  EXPECT_NE(format_range_table(table).find("\"sqnr_db\": 0.00,"), std::string::npos);
}

TEST(RangeTableJson, NamesThatAreNoTextAreRefused) {
  RangeTable table = small_table();
  table.rows[1].tensor = "\xff\xfe";
  error_of([&] { format_range_table(table); }, ErrorCode::unsupported);
  table.rows[1].tensor = "\xe5\xb1\x82 \n\"";
  EXPECT_EQ(parse_range_table(format_range_table(table)).rows[1].tensor, table.rows[1].tensor);
}

TEST(RangeTableJson, SaysWhichKeyOfWhichTensorIsWrong) {
  struct Case {
    const char *from, *to, *what;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"[-1, 1.55]", "[1.55, -1]", "tensor 'x/1' has a \"clip\" that ends below its start"},
           {"[-1, 1.55]", "[-1]", "tensor 'x/1' has a \"clip\" that is not two numbers"},
           {"[-1, 1.55]", "[-1, \"1\"]", "tensor 'x/1' has a \"clip\" that is not a number"},
           {"[-1, 1.55]", "[-1, 1e39]", "tensor 'x/1' has a \"clip\" that is too large"},
           {"[-1, 1.55]", "3", "tensor 'x/1' has a \"clip\" that is not an array"},
           {"[-1, 1.55]", "null", "tensor 'x/1' has no \"clip\""},
           {"\"clip\": [0", "\"clpi\": [0", "tensor 'y' has a key \"clpi\""},
           {"\"bits\": 4", "\"bits\": 1", "tensor 'y' has a \"bits\" that is not an integer from 2 to 16"},
           {"\"bits\": 4", "\"bits\": 4.5", "tensor 'y' has a \"bits\""},
           {"\"bits\": 4", "\"bits\": 18446744073709551615", "tensor 'y' has a \"bits\""},
           {"[1, 28, 28]", "[1, -28, 28]", "tensor 'x/1' has a \"shape\""},
           {"[1, 28, 28]", "[1, 1, 1, 1, 1, 1, 1]", "tensor 'x/1' has a \"shape\" that is no shape"},
           {"[1, 28, 28]", "[2147483648, 2147483648, 2147483648]", "tensor 'x/1' has a \"shape\""},
           {"\"count\": 9408", "\"count\": -1", "tensor 'x/1' has a \"count\""},
           {"\"min\": -1.25", "\"min\": true", "tensor 'x/1' has a \"min\""},
           {"{\"0.1\": -1,", "{\"a\": -1,", "tensor 'x/1' has a \"percentiles\" that has \"a\""},
           {"\"scale\": 0.01", "\"scale\": []", "tensor 'x/1' has a \"scale\""},
           {"\"tensor\": \"y\"", "\"tensor\": 7", "row 2 of \"tensors\" has a \"tensor\""},
           {"\"tensor\": \"y\",", "", "row 2 of \"tensors\" has no \"tensor\""},
           {"\"tensor\": \"y\"", "\"tensor\": \"x/1\"", "has tensor 'x/1' twice"},
           {"\"version\": 1", "\"version\": \"1\"", "\"version\""},
           {"\"samples\": 12", "\"samples\": 0", "\"samples\""},
           {"0123456789abcdef", "0123456789abcde", "\"model\""},
           {"\"observer\": \"entropy\"", "\"observer\": 3", "\"observer\""},
           {"lowbit-calibration", "lowbit-eval-1", "is no calibration table"},
           {"\"data\":", "\"date\":", "\"date\""},
           {"\"bits\": 4", "\"bits\": 4, \"bits\": 8", "has the key \"bits\" twice"},
           {"\"bits\": 4,", "\"bits\": 4", "is not JSON: it goes wrong in line 3"},
           {"\"samples\": 12", "\"samples\": 1e999", "is not JSON"}}) {
    const std::string text = edited(c.from, c.to);
    EXPECT_TRUE(says(error_of([&] { parse_range_table(text, "t.json"); }, ErrorCode::corrupt_file),
                     {"'t.json'", c.what}));
  }
  EXPECT_TRUE(says(error_of([&] { parse_range_table(edited("\"version\": 1", "\"version\": 2")); },
                            ErrorCode::unsupported),
                   {"version 2", "reads version 1"}));
}

TEST(RangeTableJson, HostileTextsNeverCrash) {
  for (const std::string& text : {std::string(), std::string("[]"), std::string("null"),
                                  std::string(200000, '['), std::string(1, '\0')})
    error_of([&] { parse_range_table(text); }, ErrorCode::corrupt_file);
  Random random(8);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string text = kText;
    for (int i = 0; i < 2; ++i)
      text[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(text.size()) - 1))] =
          static_cast<char>(random.integer(0, 255));
    try {
      parse_range_table(text);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace lowbit
