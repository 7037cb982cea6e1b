// SPDX-License-Identifier: Apache-2.0
// `lowbit sensitivity` and `lowbit eval --observer` with several names, run as a user would.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/command_runner.h"
#include "cli/options.h"
#include "data/demo_model.h"
#include "data/npy.h"
#include "eval/compare_observers.h"
#include "lowbit/core/error.h"
#include "lowbit/model/quantize.h"
#include "lowbit/observe/observer.h"
#include "support/effort.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::run_command;
using lowbit::testing::small_model;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;
using Json = nlohmann::json;

class SensitivityCommand : public ::testing::Test {
 protected:
  std::string random_npy() {
    Random random(5);
    std::vector<float> values(60 * 12);
    for (float& v : values) v = random.uniform();
    return data::npy_header({60, 12}) +
           std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
  }

  ::testing::AssertionResult bad(const std::string& arguments, const std::string& part) const {
    return lowbit::testing::refused_without_a_file(folder_, arguments, part);
  }

  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
  const std::string data_ = "--data npy:" + folder_.write("x.npy", random_npy());
};

TEST_F(SensitivityCommand, MeasuresEveryLayerAtEveryWidth) {
  const auto result =
      run_command("sensitivity " + model_ + " " + data_ + " --bits 2,4,8,4 --budget 60 --json " +
                  folder_ / "s.json --html " + folder_ / "s.html");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find('\033'), std::string::npos);
  const Json json = Json::parse(folder_.read("s.json"));
  EXPECT_EQ(json["schema"], "lowbit-sensitivity-1");
  EXPECT_EQ(json["images"], 60);
  EXPECT_EQ(json["calib_images"], 0) << "weight-only schemes need none";
  ASSERT_EQ(json["schemes"].size(), 3u);
  ASSERT_EQ(json["rows"].size(), 6u);
  EXPECT_EQ(json["schemes"][0]["scheme"], "int8-wo");
  EXPECT_EQ(json["schemes"][1]["bytes"], quantize(small_model(), {.scheme = "int4-wo"}).stored_bytes());
  EXPECT_TRUE(json["rows"][0]["only"]["top1"].is_null()) << "there are no labels";
  EXPECT_EQ(json["overrides"]["scheme"], "int4-wo");
  EXPECT_LE(json["overrides"]["checks"][2]["bytes"],
            1.6 * json["overrides"]["checks"][1]["bytes"].get<double>());
  EXPECT_GT(json["overrides"]["checks"][2]["sqnr_db"], json["overrides"]["checks"][1]["sqnr_db"]);
  EXPECT_EQ(folder_.read("s.html").rfind("<!DOCTYPE html>", 0), 0u);
}

/// The flags are what `eval` takes, and give the model that was checked.
TEST_F(SensitivityCommand, TheCommandItEndsWithRuns) {
  for (const std::string tokens : {"wo", "a8"}) {
    const auto result =
        run_command("sensitivity " + model_ + " " + data_ + " --calib 30 --bits 8,4 --budget 80 " +
                    "--threads 2 --json - --tokens " + tokens);
    ASSERT_EQ(result.status, 0) << result.err;
    const Json json = Json::parse(result.out);
    EXPECT_EQ(json["calib_images"], tokens == "wo" ? 0 : 30);
    const std::string command = json["overrides"]["command"];
    ASSERT_EQ(command.rfind("lowbit eval ", 0), 0u);
    const auto eval = run_command(command.substr(7) + " --batch 16 --json -");
    ASSERT_EQ(eval.status, 0) << eval.err;
    const Json row = Json::parse(eval.out)["rows"][1];
    const Json check = json["overrides"]["checks"][2];
    EXPECT_EQ(row["bytes"], check["bytes"]);
    EXPECT_EQ(row["sqnr_db"], check["sqnr_db"]);
    EXPECT_EQ(row["agree"], check["agree"]);
  }
}

TEST_F(SensitivityCommand, BadInput) {
  const std::string start = "sensitivity " + model_ + " " + data_;
  EXPECT_TRUE(bad("sensitivity " + model_, "--data"));
  EXPECT_TRUE(bad("sensitivity " + folder_ / "no.onnx " + data_, "no.onnx"));
  EXPECT_TRUE(bad(start + " --bits 9", "\"9\""));
  EXPECT_TRUE(bad(start + " --bits 8,four", "\"four\""));
  EXPECT_TRUE(bad(start + " --bits ,", "\"\""));
  EXPECT_TRUE(bad(start + " --bits 8,4 --base 3", "--base 3"));
  EXPECT_TRUE(bad(start + " --base 9", "--base"));
  EXPECT_TRUE(bad(start + " --tokens wo-nothing", "nothing"));
  EXPECT_TRUE(bad(start + " --budget -1", "--budget"));
  EXPECT_TRUE(bad(start + " --observer mean", "mean"));
  EXPECT_TRUE(bad(start + " --json " + folder_ / "no/s.json", "s.json"));
  EXPECT_TRUE(bad(start + " --html " + folder_ / "no/s.html", "s.html"));
  EXPECT_TRUE(bad("sensitivity " + model_ + " --data npy:" + folder_ / "missing.npy", "missing.npy"));
  ASSERT_EQ(run_command("quantize " + model_ + " --scheme int8-wo -o " + folder_ / "q.lowbit").status, 0);
  EXPECT_TRUE(bad("sensitivity " + folder_ / "q.lowbit " + data_, "quantized already"));
  Graph bare;
  bare.inputs = {bare.add_value("x", {12})};
  bare.outputs = {bare.add_node("clamp", ops::ClampOp{}, bare.inputs)};
  save(Model(bare), folder_ / "bare.lowbit");
  EXPECT_TRUE(bad("sensitivity " + folder_ / "bare.lowbit " + data_, "no layer with weights"));
}

TEST_F(SensitivityCommand, ObserversInOneTable) {
  const std::string eval = "eval " + model_ + " " + data_ + " --calib 20 --scheme int8,int8-a6,int8-a4 ";
  const auto table = run_command(eval + "--observer all");
  ASSERT_EQ(table.status, 0) << table.err;
  for (const std::string& name : known_observers())
    EXPECT_NE(table.out.find("\n" + name + " "), std::string::npos) << table.out;
  const auto result = run_command(eval + "--observer histogram,minmax,histogram --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["schema"], "lowbit-observers-1");
  EXPECT_EQ(json["images"], 60);
  EXPECT_EQ(json["calib_images"], 20);
  EXPECT_TRUE(json["fp32_top1"].is_null());
  ASSERT_EQ(json["rows"].size(), 2u);
  EXPECT_EQ(json["rows"][0]["observer"], "histogram");
  // Each cell is what eval says with that observer alone.
  const auto alone = run_command(eval + "--observer minmax --json -");
  ASSERT_EQ(alone.status, 0) << alone.err;
  const Json rows = Json::parse(alone.out)["rows"];
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(json["rows"][1]["results"][i]["scheme"], rows[i + 1]["scheme"]);
    EXPECT_EQ(json["rows"][1]["results"][i]["agree"], rows[i + 1]["agree"]);
    EXPECT_EQ(json["rows"][1]["results"][i]["sqnr_db"], rows[i + 1]["sqnr_db"]);
  }
}

TEST_F(SensitivityCommand, ObserversThatCannotBeCompared) {
  const std::string eval = "eval " + model_ + " " + data_;
  EXPECT_TRUE(bad(eval + " --observer minmax,mean", "mean"));
  EXPECT_TRUE(bad(eval + " --observer all --scheme int8-wo", "calibrated activations"));
  EXPECT_TRUE(bad("eval " + model_ + " " + model_ + " " + data_ + " --observer all", "one fp32 model"));
  EXPECT_TRUE(
      bad("quantize " + model_ + " " + data_ + " --observer all -o " + folder_ / "o.lowbit", "'all'"));
  ASSERT_EQ(run_command("quantize " + model_ + " --scheme int8-wo -o " + folder_ / "q.lowbit").status, 0);
  EXPECT_TRUE(bad("eval " + folder_ / "q.lowbit " + data_ + " --observer all", "quantized already"));
}

TEST(ObserverList, NamesThatMakeObservers) {
  EXPECT_EQ(parse_observer_list("all"), known_observers());
  EXPECT_TRUE(parse_observer_list("minmax").empty());
  EXPECT_EQ(parse_observer_list("histogram,minmax,histogram"),
            (std::vector<std::string>{"histogram", "minmax"}));
  EXPECT_THROW(parse_observer_list("minmax,,histogram"), Error);
  ASSERT_GE(known_observers().size(), 2u);
  for (const std::string& name : known_observers()) EXPECT_NO_THROW(make_observer(name)) << name;
}

#ifdef LOWBIT_WITH_ONNX
TEST_F(SensitivityCommand, GlyphsHaveLabels) {
  const auto bytes = data::demo_model();
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const int images = lowbit::testing::kSlowdown == 1 ? 60 : 20,
            check = lowbit::testing::kSlowdown == 1 ? 200 : 40;
  const auto result = run_command(
      fmt::format("sensitivity {} --data glyphs --bits 4,3 --base 3 --images {} --check {} --json -",
                  folder_.write("glyphs.onnx", text), images, check));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["images"], images);
  EXPECT_GT(json["fp32"]["top1"], 0.9);
  for (const Json& row : json["rows"]) {
    EXPECT_TRUE(row["only"]["top1"].is_number()) << row;
    EXPECT_GT(row["only"]["sqnr_db"], 0) << row;
  }
  EXPECT_EQ(json["overrides"]["check_images"], check);
  ASSERT_EQ(json["overrides"]["checks"].size(), 3u);
  EXPECT_GT(json["overrides"]["checks"][2]["sqnr_db"], json["overrides"]["checks"][1]["sqnr_db"]);
}
#endif

}  // namespace
}  // namespace lowbit::cli
