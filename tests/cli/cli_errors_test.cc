// SPDX-License-Identifier: Apache-2.0
// Whatever is wrong with the input, the program says so in one sentence, with status 2, and leaves no file
// behind.
#include <gtest/gtest.h>

#include "cli/command_runner.h"
#include "data/demo_model.h"
#include "data/npy.h"

namespace lowbit::cli {
namespace {

using lowbit::testing::run_command;
using lowbit::testing::TemporaryFolder;

std::string npy_zeros(const Shape& shape) {
  return data::npy_header(shape) + std::string(static_cast<std::size_t>(shape.elements()) * 4, '\0');
}

class BadInput : public ::testing::Test {
 protected:
  ::testing::AssertionResult bad(const std::string& arguments, const std::string& part) const {
    return lowbit::testing::refused_without_a_file(folder_, arguments, part);
  }

  TemporaryFolder folder_;
  const std::string model_ = lowbit::testing::write_small_model(folder_);
  const std::string data_ = "--data npy:" + folder_.write("x.npy", npy_zeros({4, 12}));
};

TEST_F(BadInput, Usage) {
  EXPECT_TRUE(bad("", ""));
  EXPECT_TRUE(bad("frobnicate", "frobnicate"));
  EXPECT_TRUE(bad("eval", "MODEL"));
  EXPECT_TRUE(bad("eval " + model_, "--data"));
  EXPECT_TRUE(bad("eval " + model_ + " " + data_ + " --frobnicate", "--frobnicate"));
  EXPECT_TRUE(bad("eval " + model_ + " " + data_ + " --threads 0", "--threads"));
  EXPECT_TRUE(bad("eval " + model_ + " " + data_ + " --images -3", "--images"));
  EXPECT_TRUE(bad("eval " + model_ + " " + data_ + " --batch many", "--batch"));
  EXPECT_TRUE(bad("quantize " + model_ + " " + data_, "--output"));
  EXPECT_TRUE(bad("demo --images 0", "--images"));
  EXPECT_TRUE(bad("quantize " + model_ + " " + data_ + " --recover gptg -o " + folder_ / "o", "gptq"));
  EXPECT_TRUE(
      bad("quantize " + model_ + " --scheme int4-wo --recover fast -o " + folder_ / "o", "--recover"));
  EXPECT_TRUE(bad("quantize " + model_ + " " + data_ + " --recover fast -o " + folder_ / "o", "8 samples"));
  EXPECT_TRUE(bad("info a b", "b"));
  for (const char* shape : {"3xq", "-1x2", "", "3x", "x=", "1x2x3x4x5x6"})
    EXPECT_TRUE(bad("info " + model_ + " --shape '" + shape + "'", "no shape of a sample")) << shape;
  EXPECT_TRUE(bad("info " + model_ + " --shape 12", "whose shapes and inputs are fixed"));
}

TEST_F(BadInput, ModelFiles) {
  const std::string whole = folder_.read("net.lowbit");
  const std::string half = folder_.write("half.lowbit", whole.substr(0, whole.size() / 2));
  const std::string tiny = folder_.write("tiny.lowbit", whole.substr(0, 5));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  const std::string damaged = folder_.write("damaged", flipped);
  const std::string empty = folder_.write("empty.onnx", "");
  const std::string foreign = folder_.write("photo.onnx", "\x89PNG\r\n\x1a\n and so on");
  for (const std::string& command :
       {std::string("info "), "eval " + data_ + " ", "quantize " + data_ + " -o " + folder_ / "o ",
        "run --input " + folder_ / "x.npy --output " + folder_ / "o "}) {
    EXPECT_TRUE(bad(command + (folder_ / "missing.onnx"), "missing.onnx")) << command;
    EXPECT_TRUE(bad(command + folder_.path(), "folder")) << command;
    EXPECT_TRUE(bad(command + half, "half.lowbit")) << command;
    EXPECT_TRUE(bad(command + tiny, "tiny.lowbit")) << command;
    EXPECT_TRUE(bad(command + damaged, "damaged")) << command;
    EXPECT_TRUE(bad(command + empty, "empty.onnx")) << command;
    EXPECT_TRUE(bad(command + foreign, "photo.onnx")) << command;
  }
}

TEST_F(BadInput, Data) {
  const std::string eval = "eval " + model_ + " ";
  EXPECT_TRUE(bad(eval + "--data imagenet:x", "imagenet"));
  EXPECT_TRUE(
      bad(eval + "--data mnist:" + folder_.path(), "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte"));
  EXPECT_TRUE(bad(eval + "--data cifar10:" + folder_.path(), "test_batch.bin"));
  EXPECT_TRUE(bad(eval + "--data npy:" + folder_ / "missing.npy", "missing.npy"));
  EXPECT_TRUE(bad(eval + "--data npy:" + model_, "not a .npy file"));
  EXPECT_TRUE(bad(eval + "--data npy:" + folder_.write("y.npy", npy_zeros({4, 13})), "4x13"));
  EXPECT_TRUE(bad(eval + "--data glyphs", "1x28x28"));
  EXPECT_TRUE(bad(eval + data_ + " --labels " + folder_ / "x.npy", "labels"));
  EXPECT_TRUE(bad(eval + data_ + " --preprocess gain=2", "gain=2"));
  EXPECT_TRUE(bad(eval + data_ + " --preprocess mean=1:2:3", "mean"));
}

TEST_F(BadInput, Schemes) {
  const std::string eval = "eval " + model_ + " " + data_;
  EXPECT_TRUE(bad(eval + " --scheme itn8", "int8"));
  EXPECT_TRUE(bad(eval + " --scheme int8,int8-chanel", "int8"));
  EXPECT_TRUE(bad(eval + " --scheme ''", ""));
  EXPECT_TRUE(bad(eval + " --override first", "PATTERN=SCHEME"));
  EXPECT_TRUE(bad(eval + " --override first=int9", "int9"));
  EXPECT_TRUE(bad(eval + " --override nothing.like.this=fp32", "nothing.like.this"));
  EXPECT_TRUE(bad(eval + " --observer mean", "mean"));
}

TEST_F(BadInput, Outputs) {
  EXPECT_TRUE(bad("eval " + model_ + " " + data_ + " --json " + folder_ / "no/report.json", "report.json"));
  EXPECT_TRUE(bad("quantize " + model_ + " " + data_ + " -o " + folder_ / "no/net.lowbit", "net.lowbit"));
  EXPECT_TRUE(bad("quantize " + model_ + " -o " + folder_ / "o.lowbit", "--data"));
  EXPECT_TRUE(bad("quantize " + model_ + " " + data_ + " --scheme int9 -o " + folder_ / "o.lowbit", "int9"));
  const std::string run = "run " + model_ + " --input " + folder_ / "x.npy --output ";
  EXPECT_TRUE(bad(run + folder_ / "no/y.npy", "y.npy"));
  EXPECT_TRUE(bad(run + folder_ / "a.npy --output " + folder_ / "b.npy", "outputs"));
  const std::string odd = folder_.write("odd.npy", npy_zeros({3, 5}));
  EXPECT_TRUE(bad("run " + model_ + " --input " + odd + " --output " + folder_ / "y.npy", "3x5"));
}

#ifdef LOWBIT_WITH_ONNX
// A protobuf field of wire type 2: a message or a string. Short ones only.
std::string field(int number, const std::string& content) {
  const char start[] = {static_cast<char>(number << 3 | 2), static_cast<char>(content.size())};
  return std::string(start, sizeof start) + content;
}

TEST_F(BadInput, OnnxFiles) {
  const auto bytes = data::demo_model();
  const std::string whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const std::size_t size : {std::size_t{1}, whole.size() / 3, whole.size() - 1})
    EXPECT_TRUE(bad("info " + folder_.write("cut.onnx", whole.substr(0, size)), "cut.onnx")) << size;
}

TEST_F(BadInput, EveryUnsupportedOperatorIsListed) {
  // graph (7) of node (1): input (1), output (2), op_type (4); graph input (11), output (12); opset_import
  // (8).
  const auto node = [](const std::string& in, const std::string& out, const std::string& op) {
    return field(1, field(1, in) + field(2, out) + field(4, op));
  };
  // type (2) > tensor_type (1) > elem_type (1) float, shape (2) of two dimensions (1) of value (1) 1 and 4.
  const std::string shape = field(2, field(1, "\x08\x01") + field(1, "\x08\x04"));
  const std::string type = field(2, field(1, std::string("\x08\x01") + shape));
  const std::string graph = node("x", "a", "TfIdfVectorizer") + node("a", "b", "StringConcat") +
                            node("b", "y", "TfIdfVectorizer") + field(11, field(1, "x") + type) +
                            field(12, field(1, "y") + type);
  const std::string model = std::string("\x08\x08") + field(7, graph) + field(8, "\x10\x0d");
  const std::string path = folder_.write("odd.onnx", model);
  EXPECT_TRUE(bad("info " + path, "TfIdfVectorizer"));
  EXPECT_TRUE(bad("info " + path, "StringConcat"));
  EXPECT_TRUE(bad("info " + path, "2"));
}
#endif

}  // namespace
}  // namespace lowbit::cli
