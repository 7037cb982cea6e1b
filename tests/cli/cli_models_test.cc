// SPDX-License-Identifier: Apache-2.0
// The program on models: what it prints and writes.
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/command_runner.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "lowbit/model/quantize.h"
#include "support/effort.h"
#include "support/shared_data.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::run_command;
using lowbit::testing::small_model;
using lowbit::testing::TemporaryFolder;
using lowbit::testing::write_small_model;
using Json = nlohmann::json;

std::vector<float> random_values(std::size_t n) {
  Random random(5);
  std::vector<float> values(n);
  for (float& v : values) v = random.uniform();
  return values;
}

class Command : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  const std::string model_ = write_small_model(folder_);
  const std::vector<float> values_ = random_values(100 * 12);
  const std::string x_ = folder_.write("x.npy", data::npy_file({100, 12}, values_));
};

TEST_F(Command, HelpAndVersion) {
  EXPECT_EQ(run_command("--version").out.rfind("lowbit ", 0), 0u);
  const auto help = run_command("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* text : {"demo", "eval", "calibrate", "quantize", "run", "info", "schemes", "Examples"})
    EXPECT_NE(help.out.find(text), std::string::npos) << text;
  EXPECT_EQ(run_command("eval --help").status, 0);
}

TEST_F(Command, RunWritesWhatTheLibraryComputes) {
  const auto result = run_command("run " + model_ + " --input " + x_ + " --output " + folder_ / "y.npy");
  ASSERT_EQ(result.status, 0) << result.err;
  const Model model = small_model();
  Workspace workspace(model, {.batch = 64, .threads = 1, .executor = nullptr});
  std::vector<float> expected(100 * 4);
  run(model, TensorView(values_.data(), {64, 12}), MutableTensorView(expected.data(), {64, 4}), workspace);
  run(model, TensorView(values_.data() + 64 * 12, {36, 12}),
      MutableTensorView(expected.data() + 64 * 4, {36, 4}), workspace);
  EXPECT_EQ(folder_.read("y.npy"), data::npy_file({100, 4}, expected));
}

TEST_F(Command, SignsOfActivationsAreCalibrated) {
  const auto result =
      run_command("eval " + model_ + " --data npy:" + x_ + " --scheme int8,binary-a1,int4-a4");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("binary-a1"), std::string::npos) << result.out;
}

TEST_F(Command, RecoversAndSaysWhatEachStepDid) {
  const std::string data = " --data npy:" + x_ + " --calib 80";
  const auto saved = run_command("quantize " + model_ + data + " --scheme int3 --recover gptq,bias -o " +
                                 folder_ / "q.lowbit");
  ASSERT_EQ(saved.status, 0) << saved.err;
  for (const char* text : {"layer", "gptq", "SQNR", "16 kept aside"})
    EXPECT_NE(saved.out.find(text), std::string::npos) << text << " in\n" << saved.out;
  EXPECT_EQ(run_command("info " + folder_ / "q.lowbit").status, 0);
  const auto evaluated =
      run_command("eval " + model_ + data + " --scheme int3 --recover descent,bias --json -");
  ASSERT_EQ(evaluated.status, 0) << evaluated.err;
  const Json row = Json::parse(evaluated.out)["rows"][1];
  ASSERT_TRUE(row.contains("recovery"));
  EXPECT_GT(row["recovery"]["sqnr_after"], row["recovery"]["sqnr_before"]);
  EXPECT_EQ(row["recovery"]["layers"][0]["steps"][0]["step"], "descent");
  const auto plain = run_command("eval " + model_ + data + " --scheme int3 --json -");
  EXPECT_FALSE(Json::parse(plain.out)["rows"][1].contains("recovery"));
  EXPECT_GT(row["sqnr_db"], Json::parse(plain.out)["rows"][1]["sqnr_db"]);
}

TEST_F(Command, ASavedModelGivesTheSameBits) {
  ASSERT_EQ(run_command("quantize " + model_ + " --scheme int8-dynamic -o " + folder_ / "q.lowbit").status,
            0);
  ASSERT_EQ(
      run_command("run " + folder_ / "q.lowbit --input " + x_ + " --output " + folder_ / "y.npy").status, 0);
  const Model model = quantize(small_model(), {.scheme = "int8-dynamic", .overrides = {}});
  Workspace workspace(model, {.batch = 100, .threads = 1, .executor = nullptr});
  std::vector<float> expected(100 * 4);
  run(model, TensorView(values_.data(), {100, 12}), MutableTensorView(expected.data(), {100, 4}), workspace);
  EXPECT_EQ(folder_.read("y.npy"), data::npy_file({100, 4}, expected));
}

TEST_F(Command, EvalWritesJson) {
  const auto result =
      run_command("eval " + model_ + " --data npy:" + x_ +
                  " --scheme int8-tensor,int8 --calib 20 --batch 7 --json " + folder_ / "r.json");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find('\033'), std::string::npos);
  const Json json = Json::parse(folder_.read("r.json"));
  EXPECT_EQ(json["schema"], "lowbit-eval-1");
  EXPECT_EQ(json["images"], 100);
  EXPECT_EQ(json["calib_images"], 20);
  EXPECT_EQ(json["observer"], "minmax");
  ASSERT_EQ(json["rows"].size(), 3u);
  EXPECT_EQ(json["rows"][0]["scheme"], "fp32");
  EXPECT_EQ(json["rows"][0]["bits"], 32.0);
  EXPECT_EQ(json["rows"][0]["agree"], 1.0);
  EXPECT_TRUE(json["rows"][0]["sqnr_db"].is_null());
  EXPECT_EQ(json["rows"][0]["speedup"], 1.0);
  EXPECT_EQ(json["rows"][1]["scheme"], "int8-tensor");
  EXPECT_EQ(json["rows"][2]["scheme"], "int8");
  for (int i : {1, 2}) {
    EXPECT_TRUE(json["rows"][i]["correct"].is_null()) << "there are no labels";
    EXPECT_GT(json["rows"][i]["sqnr_db"], 25.0);
    EXPECT_GT(json["rows"][i]["agree"], 0.9);
    EXPECT_GT(json["rows"][i]["ms_per_image"], 0.0);
    EXPECT_EQ(json["rows"][i]["fallbacks"], 0);
  }
}

TEST_F(Command, EvalComparesTwoModels) {
  ASSERT_EQ(run_command("quantize " + model_ + " --data npy:" + x_ + " -o " + folder_ / "q.lowbit").status,
            0);
  const auto result =
      run_command("eval " + model_ + " " + folder_ / "q.lowbit --data npy:" + x_ + " --images 30 --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["images"], 30);
  ASSERT_EQ(json["rows"].size(), 2u);
  const Json output = json["rows"][1]["outputs"][0];
  EXPECT_EQ(output["name"], "second");
  EXPECT_GT(output["sqnr_db"], 25.0);
  EXPECT_GT(output["cosine"], 0.99);
  EXPECT_GT(output["max_error"], 0.0);
}

TEST_F(Command, EvalOfASavedModelHasNoReference) {
  ASSERT_EQ(run_command("quantize " + model_ + " --data npy:" + x_ + " -o " + folder_ / "q.lowbit").status,
            0);
  const auto result = run_command("eval " + folder_ / "q.lowbit --data npy:" + x_ + " --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json["rows"].size(), 1u);
  EXPECT_EQ(json["rows"][0]["scheme"], "int8");
  for (const char* key : {"agree", "sqnr_db", "speedup"}) EXPECT_TRUE(json["rows"][0][key].is_null()) << key;
  EXPECT_EQ(run_command("eval " + folder_ / "q.lowbit --scheme int8 --data npy:" + x_).status, 2);
}

TEST_F(Command, Info) {
  const auto text = run_command("info " + model_);
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_NE(text.out.find("first"), std::string::npos);
  EXPECT_NE(text.out.find("Linear"), std::string::npos);
  const Json json = Json::parse(run_command("info --json " + model_).out);
  EXPECT_EQ(json["schema"], "lowbit-info-1");
  ASSERT_EQ(json["layers"].size(), 2u);
  EXPECT_EQ(json["layers"][0]["bytes"], (16 * 12 + 16) * 4);
  EXPECT_EQ(json["bytes"], (16 * 12 + 16 + 4 * 16 + 4) * 4);
}

TEST_F(Command, MachineAndSchemes) {
  const Json json = Json::parse(run_command("info --json").out);
  ASSERT_EQ(json["kernels"].size(), 5u) << "every format that u8 activations take";
  EXPECT_EQ(json["kernels"][3]["format"], "lut4");
  EXPECT_EQ(json["kernels"][4]["format"], "b1");
  EXPECT_TRUE(json["isa_problem"].is_null());
  if (lowbit::testing::kSlowdown == 1) {
    const Json scalar = Json::parse(run_command("info --json", "LOWBIT_ISA=scalar ").out);
    EXPECT_EQ(scalar["isa_active"], "scalar");
    EXPECT_EQ(scalar["kernels"][0]["speed"], "ref");
  }
  const Json odd = Json::parse(run_command("info --json", "LOWBIT_ISA=avx9000 ").out);
  EXPECT_EQ(odd["isa_active"], odd["isa_detected"]);
  EXPECT_NE(odd["isa_problem"].get<std::string>().find("avx9000"), std::string::npos);
  const auto schemes = run_command("schemes");
  EXPECT_EQ(schemes.status, 0) << schemes.err;
  for (const char* name : {"\nfp32 ", "\nint8 ", "\nint8-tensor ", "\nint4 "})
    EXPECT_NE(schemes.out.find(name), std::string::npos) << schemes.out;
}

#ifdef LOWBIT_WITH_ONNX
TEST(Demo, PrintsOneRowForEachScheme) {
  const auto result = run_command("demo --images 40 --calib 40");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find('\033'), std::string::npos) << "control sequences in a pipe";
  for (const char* row :
       {"\nscheme ", "\nfp32 ", "\nint8-tensor ", "\nint8 ", "\nint8-dynamic ", " layers int8"})
    EXPECT_NE(result.out.find(row), std::string::npos) << result.out;
}

TEST(Eval, MnistAccuracyIsThePublishedOne) {
  LOWBIT_REQUIRE_SHARED("models/mnist-fc-256x2.onnx");
  using lowbit::testing::shared_data;
  const auto result =
      run_command("eval " + shared_data("models/mnist-fc-256x2.onnx").string() +
                  " --data mnist:" + shared_data("data/mnist").string() + " --batch 100 --json -");
#ifndef LOWBIT_WITH_ZLIB
  GTEST_SKIP() << "needs zlib";
#endif
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["images"], 10000);
  EXPECT_EQ(json["rows"][0]["correct"], 9808);
  EXPECT_GE(json["rows"][1]["correct"], 9790);
  EXPECT_EQ(json["rows"][1]["fallbacks"], 0);
}
#endif

/// One new token of two heads of queries, and one of keys and values with four tokens before it.
Model decoder_attention() {
  Graph graph;
  graph.has_batch = false;
  graph.inputs = {graph.add_value("x", {1, 16}), graph.add_value("past_keys", {1, 1, 4, 8}),
                  graph.add_value("past_values", {1, 1, 4, 8})};
  testing::Random random(1);
  const auto heads = [&](const std::string& name, std::int64_t count) {
    ops::LinearOp linear;
    linear.weight = Tensor(Shape{count * 8, 16});
    for (float& w : linear.weight.data) w = random.uniform();
    const ValueId flat = graph.add_node(name, linear, {graph.inputs[0]});
    const ValueId split = graph.add_node(name + "_split", ops::ReshapeOp{{1, 1, count, 8}}, {flat});
    return graph.add_node(name + "_heads", ops::TransposeOp{{0, 2, 1, 3}}, {split});
  };
  const ValueId q = heads("q", 2);
  const ValueId keys = graph.add_node("keys", ops::ConcatOp{2}, {graph.inputs[1], heads("k", 1)});
  const ValueId values = graph.add_node("values", ops::ConcatOp{2}, {graph.inputs[2], heads("v", 1)});
  const ValueId y =
      graph.add_node("attention", ops::AttentionOp{0.25f, true, true, true, false}, {q, keys, values});
  graph.outputs = {graph.add_node("joined", ops::ReshapeOp{{1, 16}}, {y}), keys, values};
  return Model(graph, "decoder");
}

TEST(CacheOption, KeepsKeysAndValuesInCodes) {
  const testing::TemporaryFolder folder;
  const std::string file = folder / "decoder.lowbit", quantized = folder / "quantized.lowbit";
  save(decoder_attention(), file);
  const auto made = run_command("quantize " + file + " --scheme int8-wo --kv-cache-bits 4 -o " + quantized);
  ASSERT_EQ(made.status, 0) << made.err;
  const Model model = load(quantized);
  for (const ValueId id : {model.graph().inputs[1], model.graph().outputs[2]}) {
    EXPECT_EQ(model.type(id).dtype, DType::rows);
    EXPECT_EQ(model.type(id).bits, 4);
  }
  EXPECT_TRUE(refused(run_command("quantize " + file + " --scheme int8-wo --kv-cache-bits 5 -o " + quantized),
                      "--kv-cache-bits"));
}

}  // namespace
}  // namespace lowbit::cli
