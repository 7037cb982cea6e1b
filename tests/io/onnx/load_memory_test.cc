// SPDX-License-Identifier: Apache-2.0
// What loading takes at its peak, and what a loaded network holds: the weights once, on the way from the file
// to where they stay. The network has the shape of VGG-16: nearly all weights are in its fully connected
// layers, the first of which reads a flattened C x H x W.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "io/onnx/onnx_builder.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/serialize.h"
#include "support/counting_new.h"
#include "support/temporary_folder.h"

namespace lowbit {
namespace {

using testing::OnnxBuilder;

constexpr std::int64_t kChannels = 16, kFeatures = 1000, kInputs = kChannels * 14 * 14;

std::string raw(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

void add_raw(OnnxBuilder& b, const std::string& name, const std::vector<std::int64_t>& dims) {
  onnx::TensorProto& t = b.random(name, dims);
  t.set_raw_data(raw({t.float_data().begin(), t.float_data().end()}));
  t.clear_float_data();
}

std::string network() {
  OnnxBuilder b;
  b.input("x", {0, 3, 14, 14}).output("y");
  add_raw(b, "w", {kChannels, 3, 3, 3}), add_raw(b, "scale", {kChannels, 1, 1});
  add_raw(b, "fc", {kFeatures, kInputs}), add_raw(b, "head", {kFeatures, kFeatures});
  b.node("Conv", {"x", "w"}, "c").with("pads", std::vector<std::int64_t>{1, 1, 1, 1});
  b.node("Mul", {"c", "scale"}, "s"), b.node("Relu", {"s"}, "r"), b.node("Flatten", {"r"}, "f");
  b.node("Gemm", {"f", "fc"}, "g").with("transB", 1), b.node("Relu", {"g"}, "h");
  b.node("MatMul", {"h", "head"}, "y");
  return b.bytes();
}

/// Largest number of bytes that `load` takes and, with its result alive, keeps.
struct Taken {
  std::size_t peak, kept;
};
template <class F>
Taken taken_by(F load) {
  const std::size_t before = testing::live_bytes();
  testing::restart_peak();
  const auto model = std::make_unique<Model>(load());
  return {testing::peak_bytes() - before, testing::live_bytes() - before};
}

class LoadMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string bytes = network();
    std::ofstream(onnx_, std::ios::binary) << bytes;
    save(load_onnx(onnx_), lowbit_);
  }
  static std::size_t allowed(const std::string& path) { return std::filesystem::file_size(path) * 115 / 100; }
  testing::TemporaryFolder folder_;
  const std::string onnx_ = folder_ / "net.onnx", lowbit_ = folder_ / "net.lowbit";
};

TEST_F(LoadMemory, AnOnnxFileIsNeverHeldTwice) {
  const Taken taken = taken_by([&] { return load_onnx(onnx_); });
  EXPECT_LE(taken.peak, allowed(onnx_));
  EXPECT_GE(taken.kept, std::filesystem::file_size(onnx_) * 95 / 100) << "the count misses the weights";
}

TEST_F(LoadMemory, NorIsALowbitFile) {
  const Taken taken = taken_by([&] { return load(lowbit_); });
  EXPECT_LE(taken.peak, allowed(lowbit_));
  EXPECT_GE(taken.kept, std::filesystem::file_size(lowbit_) * 95 / 100) << "the count misses the weights";
}

TEST_F(LoadMemory, NorAreBytesInMemoryCopiedMoreThanOnce) {
  const std::string bytes = network();
  EXPECT_LE(taken_by([&] { return load_onnx(std::as_bytes(std::span(bytes))); }).peak, allowed(onnx_));
}

/// A file of a few bytes that claims 19 million weights, of a window of 3 x 3.
TEST(LoadRefusal, OfAWindowComesBeforeItsWeightsAreMade) {
  OnnxBuilder b;
  b.input("x", {0, 3, 224, 224}).output("y");
  b.integers("shape", {64, 3, 32771, 3});
  b.node("ConstantOfShape", {"shape"}, "w");
  b.node("Conv", {"x", "w"}, "y").with("kernel_shape", std::vector<std::int64_t>{3, 3});
  const std::string bytes = b.bytes();
  const std::size_t before = testing::live_bytes();
  testing::restart_peak();
  EXPECT_THROW(load_onnx(std::as_bytes(std::span(bytes))), Error);
  EXPECT_LT(testing::peak_bytes() - before, std::size_t{1} << 20);
}

}  // namespace
}  // namespace lowbit
