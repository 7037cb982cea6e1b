// SPDX-License-Identifier: Apache-2.0
// lowbit calibrate: the same table from any number of shards and threads, tables that were edited, and what
// is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "lowbit/model/calibration_shard.h"
#include "lowbit/model/quantize.h"
#include "support/effort.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;
using Json = nlohmann::json;

class Calibrate : public ::testing::Test {
 protected:
  Calibrate() {
    Random random(5);
    std::vector<float> values(20 * 12);
    for (float& v : values) v = random.gaussian();
    folder_.write("x.npy", data::npy_file({20, 12}, values));
  }
  std::string file(const std::string& name) const { return folder_ / name; }
  /// Runs `lowbit ARGUMENTS -o NAME` and returns what the file holds.
  std::string made(const std::string& arguments, const std::string& name) const {
    const auto result = run_command(arguments + " -o " + file(name));
    EXPECT_EQ(result.status, 0) << arguments << ": " << result.err;
    EXPECT_EQ(result.err, "");
    return folder_.read(name);
  }
  ::testing::AssertionResult bad(const std::string& arguments, const std::string& part) const {
    return lowbit::testing::refused_without_a_file(folder_, arguments, part);
  }
  /// Writes shard k of n and returns the name of the file.
  std::string shard(int k, int n, const std::string& more = {}) const {
    const std::string name = "part" + std::to_string(k) + "of" + std::to_string(n);
    made(start_ + more + " --shard " + std::to_string(k) + "/" + std::to_string(n), name);
    return file(name);
  }

  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
  const std::string data_ = " --data npy:" + folder_ / "x.npy";
  const std::string start_ = "calibrate " + model_ + data_;
};

TEST_F(Calibrate, ShardsAndThreadsMakeTheSameTable) {
  struct Case {
    std::string observer;
    std::vector<int> shards;  // 18: more than samples
  };
  for (const auto& [name, counts] : {Case{"moving-average", {1, 3}}, Case{"entropy", {2, 18}}}) {
    if (lowbit::testing::kSlowdown > 1 && name != "entropy") continue;  // 25 starts of the program are enough
    const std::string observer = " --observer " + name, more = observer + " --calib 17 --seed 3";
    const std::string whole = made(start_ + more, "t.json");
    EXPECT_EQ(made(start_ + more + " --threads 2", "threads.json"), whole);
    for (const int shards : counts) {
      std::string parts;
      for (int k = shards; k >= 1; --k) parts += " " + shard(k, shards, more);
      EXPECT_EQ(made("calibrate --merge" + parts, "m.json"), whole) << shards << observer;
    }
    EXPECT_NE(made(start_ + observer + " --calib 17 --seed 4", "other.json"), whole);
  }
}

TEST_F(Calibrate, WritesWhatItPrints) {
  const auto result = run_command(start_ + " --observer histogram -o " + file("t.json"));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find('\033'), std::string::npos);
  for (const char* text :
       {"tensor ", "\nx ", "\nfirst ", "\nsecond ", " 20 samples (npy:x.npy, 20 of 20 images"})
    EXPECT_NE(result.out.find(text), std::string::npos) << text << " in " << result.out;
  const Json json = Json::parse(folder_.read("t.json"));
  EXPECT_EQ(json["format"], "lowbit-calibration");
  EXPECT_EQ(json["observer"], "histogram");
  EXPECT_EQ(json["samples"], 20);
  ASSERT_EQ(json["tensors"].size(), 3u);
  const Json& x = json["tensors"][0];
  EXPECT_EQ(x["tensor"], "x");
  EXPECT_EQ(x["shape"], Json({12}));
  EXPECT_EQ(x["count"], 240);
  EXPECT_EQ(x["bits"], 8);
  EXPECT_GT(x["sqnr_db"], 30.0);
  EXPECT_LT(x["clipped"], 0.1);
  EXPECT_LE(x["min"], x["percentiles"]["1"]);
  EXPECT_LE(x["percentiles"]["99"], x["max"]);
  const auto part = run_command(start_ + " --shard 2/3 -o " + file("p"));
  EXPECT_NE(part.out.find("shard 2 of 3, 7 samples"), std::string::npos) << part.out;
}

TEST_F(Calibrate, ATableQuantizesToTheSameFile) {
  for (const std::string observer : {"minmax", "histogram"}) {
    made(start_ + " --calib 15 --observer " + observer, "t.json");
    const std::string direct = made("quantize " + model_ + data_ + " --calib 15 --observer " + observer, "a");
    EXPECT_EQ(made("quantize " + model_ + " --table " + file("t.json"), "b"), direct);
    const auto eval =
        run_command("eval " + model_ + data_ + " --table " + file("t.json") + " --scheme int8 --json -");
    ASSERT_EQ(eval.status, 0) << eval.err;
    const Json json = Json::parse(eval.out);
    EXPECT_EQ(json["observer"], observer);
    EXPECT_EQ(json["calib_images"], 15);
  }
}

TEST_F(Calibrate, AnEditedTableChangesTheModel) {
  made(start_, "t.json");
  Json json = Json::parse(folder_.read("t.json"));
  json["tensors"][1]["clip"] = {0, 1.5};
  folder_.write("t.json", json.dump());
  made("quantize " + model_ + " --table " + file("t.json"), "q.lowbit");
  const Model model = load(file("q.lowbit"));
  bool found = false;
  for (std::size_t v = 0; v < model.graph().values.size(); ++v)
    if (model.graph().values[v].name.rfind("first", 0) == 0 &&
        model.type(static_cast<ValueId>(v)).dtype == DType::u8) {
      EXPECT_EQ(model.type(static_cast<ValueId>(v)).qparams.scale, 1.5f / 255);
      found = true;
    }
  EXPECT_TRUE(found);
}

TEST_F(Calibrate, BadUsage) {
  EXPECT_TRUE(bad("calibrate -o " + file("o"), "MODEL"));
  EXPECT_TRUE(bad("calibrate " + model_ + " -o " + file("o"), "--data"));
  EXPECT_TRUE(bad(start_, "--output"));
  for (const char* text : {"0/2", "3/2", "2", "a/b", "1/2/3", "1/9999999999", "-1/2"})
    EXPECT_TRUE(bad(start_ + " --shard=" + text + " -o " + file("o"), "--shard")) << text;
  EXPECT_TRUE(bad(start_ + " --observer mean -o " + file("o"), "mean"));
  EXPECT_TRUE(bad(start_ + " --bits 1 -o " + file("o"), "--bits"));
  EXPECT_TRUE(bad(start_ + " -o " + file("no/o"), "no/o"));
  const std::string part = shard(1, 1);
  EXPECT_TRUE(bad("calibrate --merge " + part + " --observer minmax -o " + file("o"), "--observer"));
  EXPECT_TRUE(bad(start_ + " --merge " + part + " -o " + file("o"), "--merge"));
  made(start_, "t.json");
  const std::string table = " --table " + file("t.json");
  EXPECT_TRUE(bad("quantize " + model_ + data_ + table + " -o " + file("o"), "--data"));
  EXPECT_TRUE(bad("quantize " + model_ + table + " --observer minmax -o " + file("o"), "--observer"));
  EXPECT_TRUE(bad("eval " + model_ + data_ + table + " --calib 3", "--calib"));
  made("quantize " + model_ + table, "q.lowbit");
  EXPECT_TRUE(bad("eval " + file("q.lowbit") + data_ + table, "--table"));
  EXPECT_TRUE(bad("eval " + model_ + " " + file("q.lowbit") + data_ + table, "--table"));
  EXPECT_TRUE(bad("calibrate " + file("q.lowbit") + data_ + " -o " + file("o"), "int8"));
}

TEST_F(Calibrate, PartsThatDoNotBelongTogether) {
  const std::string end = " -o " + file("o");
  const std::string first = shard(1, 3), second = shard(2, 3), third = shard(3, 3);
  EXPECT_TRUE(bad("calibrate --merge " + first + " " + third + end, "shard 2 of 3 is missing"));
  EXPECT_TRUE(bad("calibrate --merge " + first + " " + third + " " + second + " " + first + end,
                  "shard 1 of 3 is given twice"));
  EXPECT_TRUE(bad("calibrate --merge " + first + " " + shard(2, 2) + end, "number of shards"));
  const auto foreign = [&](const std::string& more) {
    made(start_ + more + " --shard 2/3", "odd");
    return "calibrate --merge " + first + " " + file("odd") + " " + third + end;
  };
  EXPECT_TRUE(bad(foreign(" --observer histogram"), "'histogram'"));
  EXPECT_TRUE(bad(foreign(" --calib 9"), "9 of 20 images"));
  EXPECT_TRUE(bad(foreign(" --seed 9"), "seed 9"));
  EXPECT_TRUE(bad(foreign(" --preprocess scale=2"), "scale=2"));
  const TemporaryFolder elsewhere;
  save(lowbit::testing::small_model(), elsewhere / "net.lowbit");
  made("calibrate " + elsewhere / "net.lowbit" + data_ + " --shard 2/3", "copy");
  EXPECT_EQ(made("calibrate --merge " + first + " " + third + " " + file("copy"), "t.json"),
            made("calibrate --merge " + first + " " + second + " " + third, "u.json"))
      << "a file may lie anywhere";
  EXPECT_TRUE(bad("calibrate --merge " + first + " " + file("missing") + end, "missing"));
  EXPECT_TRUE(bad("calibrate --merge " + model_ + end, "not a part of a calibration"));
  const std::string whole = folder_.read("part1of3");
  EXPECT_TRUE(
      bad("calibrate --merge " + folder_.write("half", whole.substr(0, whole.size() / 2)) + end, "half"));
}

TEST_F(Calibrate, PartsOfAnotherModel) {
  const std::string first = shard(1, 2);
  Graph graph = lowbit::testing::small_model().graph();
  std::get<ops::LinearOp>(graph.nodes[0].op).bias[0] += 1;
  save(Model(graph), folder_ / "other.lowbit");
  made("calibrate " + file("other.lowbit") + data_ + " --shard 2/2", "odd");
  EXPECT_TRUE(bad("calibrate --merge " + first + " " + file("odd") + " -o " + file("o"), "another model"));
  made(start_, "t.json");
  EXPECT_TRUE(bad("quantize " + file("other.lowbit") + " --table " + file("t.json") + " -o " + file("o"),
                  "t.json: the calibration table was made for another model"));
}

TEST_F(Calibrate, TablesThatCannotBe) {
  made(start_, "t.json");
  const std::string text = folder_.read("t.json");
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    folder_.write("bad.json", changed);
    return "quantize " + model_ + " --table " + file("bad.json") + " -o " + file("o");
  };
  EXPECT_TRUE(bad(with("\"clip\": [", "\"clip\": [9, "), "tensor 'x' has a \"clip\""));
  EXPECT_TRUE(bad(with("\"tensor\": \"first\"", "\"tensor\": \"fist\""), "no tensor 'first'"));
  EXPECT_TRUE(bad(with("\"shape\": [12]", "\"shape\": [13]"), "tensor 'x' of shape 13"));
  EXPECT_TRUE(bad(with("{", "["), "bad.json"));
  EXPECT_TRUE(
      bad("quantize " + model_ + " --table " + file("missing.json") + " -o " + file("o"), "missing.json"));
  made(start_ + " --bits 4", "four.json");
  EXPECT_TRUE(bad("quantize " + model_ + " --table " + file("four.json") + " -o " + file("o"), "4 bits"));
}

TEST_F(Calibrate, StreamsOfNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string nans = folder_.write("nan.npy", data::npy_file({3, 12}, std::vector<float>(36, nan)));
  const std::string none = folder_.write("none.npy", data::npy_file({0, 12}, {}));
  EXPECT_TRUE(
      bad("calibrate " + model_ + " --data npy:" + nans + " -o " + file("o"), "'x' was not a finite"));
  EXPECT_TRUE(bad("quantize " + model_ + " --data npy:" + nans + " -o " + file("o"), "'x' was not a finite"));
  EXPECT_TRUE(bad("calibrate " + model_ + " --data npy:" + none + " -o " + file("o"), "not one sample"));
  // A shard without a finite number is no fault, all of them are.
  std::string parts;
  for (const char* k : {"1", "2"}) {
    made("calibrate " + model_ + " --data npy:" + nans + " --shard " + k + "/2", std::string("nan") + k);
    parts += " " + file(std::string("nan") + k);
  }
  EXPECT_TRUE(bad("calibrate --merge" + parts + " -o " + file("o"), "'x' was not a finite"));
}

}  // namespace
}  // namespace lowbit::cli
