// SPDX-License-Identifier: Apache-2.0
// What the commands make of data: networks of several inputs, outputs without labels, warnings.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/command_runner.h"
#include "data/demo_model.h"
#include "data/file_bytes.h"
#include "data/npy.h"
#include "support/shared_data.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::Random;
using lowbit::testing::refused;
using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;
using Json = nlohmann::json;

constexpr std::int64_t kSamples = 48;

/// y = second (relu (first x) + float (tokens)), and the tokens as they are: x of 6 floats, tokens of 4
/// integers.
Model network() {
  Random random(1);
  const auto linear = [&](std::int64_t rows, std::int64_t cols) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{rows, cols});
    for (float& w : op.weight.data) w = random.uniform();
    return op;
  };
  const auto array_op = [](const char* function, ElementType result) {
    ops::ArrayOp op;
    op.function = function;
    op.opset = 18;
    if (op.function == "Cast") op.attributes.push_back({.name = "to", .integers = {1}});  // FLOAT
    op.sources = {ops::ArrayOp::kValue};
    op.elements = {ElementType::i64};
    op.result = result;
    return op;
  };
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{6}), graph.add_value("tokens", Shape{4})};
  graph.values[1].element = ElementType::i64;
  ops::LinearOp first = linear(4, 6);
  first.activation.lo = 0.0f;
  const ValueId hidden = graph.add_node("first", first, {graph.inputs[0]});
  const ValueId floats = graph.add_node("floats", array_op("Cast", ElementType::f32), {graph.inputs[1]});
  const ValueId sum = graph.add_node("sum", ops::AddOp{}, {hidden, floats});
  const ValueId y = graph.add_node("second", linear(3, 4), {sum});
  const ValueId same = graph.add_node("same", array_op("Identity", ElementType::i64), {graph.inputs[1]});
  graph.outputs = {y, same};
  return Model(std::move(graph));
}

class SeveralInputs : public ::testing::Test {
 protected:
  SeveralInputs() {
    Random random(2);
    std::vector<float> x(kSamples * 6);
    std::vector<std::int64_t> tokens(kSamples * 4), labels(kSamples);
    for (float& v : x) v = random.uniform();
    for (std::int64_t& v : tokens) v = static_cast<std::int64_t>(5 * random.uniform());
    tokens[0] = (std::int64_t{1} << 24) + 1;  // no float has it
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 3);
    x_ = data::npy_file({kSamples, 6}, x);
    tokens_ = data::npy_integers({kSamples, 4}, tokens);
    const std::string file = data::zip_file(
        {{"x.npy", x_}, {"tokens.npy", tokens_}, {"classes.npy", data::npy_integers({kSamples}, labels)}});
    npz_ = folder_.write("data.npz", file);
    save(network(), folder_ / "net.lowbit");
    model_ = folder_ / "net.lowbit";
    data_ = " --data npz:" + npz_;
  }
  TemporaryFolder folder_;
  std::string x_, tokens_, npz_, model_, data_;
};

TEST_F(SeveralInputs, Evaluated) {
  const auto plain = run_command("eval " + model_ + data_);
  ASSERT_EQ(plain.status, 0) << plain.err;
  EXPECT_NE(plain.out.find("mean cosine"), std::string::npos) << "without labels: " << plain.out;
  const auto labelled =
      run_command("eval " + model_ + data_ + " --labels classes --calib 20 --held-out --json -");
  ASSERT_EQ(labelled.status, 0) << labelled.err;
  const Json json = Json::parse(labelled.out);
  EXPECT_EQ(json["images"], 28);
  EXPECT_EQ(json["calib_images"], 20);
  EXPECT_TRUE(json["rows"][1]["correct"].is_number());
}

TEST_F(SeveralInputs, QuantizedCalibratedMeasured) {
  const std::string out = folder_ / "int8.lowbit", table = folder_ / "table.json";
  const auto quantized = run_command("quantize " + model_ + data_ + " --scheme int8 -o " + out);
  ASSERT_EQ(quantized.status, 0) << quantized.err;
  EXPECT_EQ(run_command("eval " + model_ + " " + out + data_).status, 0);
  const auto calibrated = run_command("calibrate " + model_ + data_ + " -o " + table);
  ASSERT_EQ(calibrated.status, 0) << calibrated.err;
  EXPECT_EQ(Json::parse(folder_.read("table.json"))["samples"], kSamples);
  const std::string again = folder_ / "again.lowbit";
  EXPECT_EQ(run_command("quantize " + model_ + " --table " + table + " -o " + again).status, 0);
  EXPECT_EQ(folder_.read("again.lowbit"), folder_.read("int8.lowbit"));
  const auto measured = run_command("sensitivity " + model_ + data_ + " --bits 8,4 --json -");
  ASSERT_EQ(measured.status, 0) << measured.err;
  EXPECT_EQ(Json::parse(measured.out)["images"], kSamples);
}

TEST_F(SeveralInputs, Recovered) {
  const std::string out = folder_ / "int4.lowbit";
  const auto recovered =
      run_command("quantize " + model_ + data_ + " --scheme int4 --recover fast -o " + out);
  ASSERT_EQ(recovered.status, 0) << recovered.err;
  EXPECT_NE(recovered.out.find("39 samples, 9 kept aside"), std::string::npos) << recovered.out;
  const auto row = run_command("eval " + model_ + data_ + " --scheme int4 --recover fast --json -");
  ASSERT_EQ(row.status, 0) << row.err;
  const Json recovery = Json::parse(row.out)["rows"][1]["recovery"];
  EXPECT_GT(recovery["sqnr_after"], recovery["sqnr_before"]);
  const auto measured = run_command("sensitivity " + model_ + data_ + " --bits 8,4 --recover gptq --json -");
  EXPECT_EQ(measured.status, 0) << measured.err;
}

// By name from one file, in order from several; integers come out as they went in.
TEST_F(SeveralInputs, Run) {
  const std::string y = folder_ / "y.npy", t = folder_ / "t.npy";
  const auto named = run_command("run " + model_ + " --input " + npz_ + " --output " + y + " --output " + t);
  ASSERT_EQ(named.status, 0) << named.err;
  EXPECT_EQ(folder_.read("t.npy"), tokens_);
  const std::string first = folder_.read("y.npy");
  const auto listed = run_command("run " + model_ + " --input " + folder_.write("x.npy", x_) + " --input " +
                                  folder_.write("tokens.npy", tokens_) + " --output " + y + " --output " + t);
  ASSERT_EQ(listed.status, 0) << listed.err;
  EXPECT_EQ(folder_.read("y.npy"), first);
  EXPECT_EQ(data::read_npy(y).shape(), (Shape{kSamples, 3}));
}

TEST_F(SeveralInputs, OtherDataIsRefused) {
  EXPECT_TRUE(refused(run_command("eval " + model_ + " --data npy:" + folder_.write("x.npy", x_)),
                      "the model has 2 inputs (x, tokens); npy data feeds models with one"));
  EXPECT_TRUE(
      refused(run_command("eval " + model_ + data_ + " --preprocess scale=2"), "one input of floats"));
  EXPECT_TRUE(
      refused(run_command("eval " + model_ + data_ + " --preprocess hop=2"), "hop does not go with npz"));
  const std::string half = folder_.write("half.npz", data::zip_file({{"x.npy", x_}}));
  EXPECT_TRUE(refused(run_command("eval " + model_ + " --data npz:" + half), "no array 'tokens'"));
  EXPECT_TRUE(refused(run_command("run " + model_ + " --input " + half + " --output a --output b"),
                      "no array 'tokens'"));
}

#ifdef LOWBIT_WITH_ONNX
std::string demo() {
  return LOWBIT_SOURCE_DIR
      "/examples/models/glyphs-cnn.onnx --data glyphs --images 60 --calib 40 --scheme fp32 ";
}

TEST(Warnings, OnlyWhereInputsAreNotThoseOfTraining) {
  const auto good = run_command("eval " + demo() + "--json -");
  ASSERT_EQ(good.status, 0) << good.err;
  EXPECT_TRUE(Json::parse(good.out)["warnings"].empty()) << good.out;
  const auto bytes = run_command("eval " + demo() + "--preprocess scale=255");
  EXPECT_NE(bytes.out.find("warning: inputs from 0 to 255 are far larger"), std::string::npos) << bytes.out;
  const auto nothing = run_command("eval " + demo() + "--preprocess scale=0");
  EXPECT_NE(nothing.out.find("is the same for all 60 samples"), std::string::npos) << nothing.out;
  EXPECT_NE(nothing.out.find("guessing would be"), std::string::npos) << nothing.out;
}

TEST(AutoPreprocess, SaysWhatItFound) {
  const auto result = run_command("eval " + demo() + "--preprocess auto --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("preprocess auto: input 'image' FLOAT"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("nothing in the file says"), std::string::npos) << result.err;
  EXPECT_GT(Json::parse(result.out)["rows"][0]["top1"], 0.9);
}

/// A field of a protobuf message that is a message or a string, of less than 128 bytes.
std::string metadata_field(int number, const std::string& content) {
  const char start[] = {static_cast<char>(number << 3 | 2), static_cast<char>(content.size())};
  return std::string(start, sizeof start) + content;
}

// Messages that follow each other are one: metadata_props is field 14 of a model, its key 1 and its value 2.
TEST(AutoPreprocess, ReadsTheMetadataOfAFile) {
  const TemporaryFolder folder;
  const auto bytes = data::demo_model();
  const std::string path =
      folder.write("net.onnx", std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) +
                                   metadata_field(14, metadata_field(1, "Image.NominalPixelRange") +
                                                          metadata_field(2, "Normalized_1_1")));
  const auto result =
      run_command("eval " + path + " --data glyphs --images 3 --scheme fp32 --preprocess auto");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("scale=1/255,mean=0.5,std=0.5 (metadata Image.NominalPixelRange Normalized_1_1)"),
            std::string::npos)
      << result.err;
}

// Sounds to features, windows of features to embeddings: int8 keeps their direction.
TEST(RealSounds, EmbeddingInInt8) {
  LOWBIT_REQUIRE_SHARED("models/real/embedding_model.onnx");
  const auto result =
      run_command("eval " + lowbit::testing::shared_data("models/real/embedding_model.onnx").string() +
                  " --data npy:" + lowbit::testing::shared_data("data/audio/windows.npy").string() +
                  " --calib 100 --held-out --scheme int8 --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["images"], 392);
  EXPECT_TRUE(json["warnings"].empty()) << json["warnings"];
  EXPECT_GE(json["rows"][1]["outputs"][0]["mean_cosine"], 0.995);
}

TEST(RealSounds, SpectrogramOfAFolder) {
  LOWBIT_REQUIRE_SHARED("models/real/melspectrogram.onnx");
  const auto result =
      run_command("eval " + lowbit::testing::shared_data("models/real/melspectrogram.onnx").string() +
                  " --shape input=17280 --data wav:" + lowbit::testing::shared_data("data/audio").string() +
                  " --preprocess scale=32768,rate=16000,hop=8640 --images 20 --scheme int8-wo --json -");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(Json::parse(result.out)["images"], 20);
}
#endif

}  // namespace
}  // namespace lowbit::cli
