// SPDX-License-Identifier: Apache-2.0
// What --preprocess auto makes of a file: each rule, and their order.
#include "eval/auto_preprocess.h"

#include <gtest/gtest.h>

#include "support/error_of.h"
#include "support/temporary_folder.h"

namespace lowbit::eval {
namespace {

using lowbit::testing::error_of;
using lowbit::testing::says;

OnnxSummary file_with(std::vector<std::pair<std::string, std::string>> metadata,
                      const std::string& element = "FLOAT") {
  OnnxSummary file;
  file.inputs = {{"x", element, {"N", "3", "8", "8"}, ""}};
  file.metadata = std::move(metadata);
  return file;
}

Graph scaled(float scale) {
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{3, 8, 8})};
  graph.outputs = {graph.add_node("y", ops::ScaleShiftOp{{scale}, {0}, {}}, graph.inputs)};
  return graph;
}

std::string inferred(const OnnxSummary& file, float scale = 1, bool images = true) {
  return infer_preprocess(file, scaled(scale), images).preprocess;
}

TEST(AutoPreprocess, TheMetadataOfTheStandard) {
  const std::string range = "Image.NominalPixelRange", format = "Image.BitmapPixelFormat";
  EXPECT_EQ(inferred(file_with({{range, "NominalRange_0_255"}})), "scale=1");
  EXPECT_EQ(inferred(file_with({{range, "Normalized_0_1"}})), "scale=1/255");
  EXPECT_EQ(inferred(file_with({{range, "Normalized_1_1"}})), "scale=1/255,mean=0.5,std=0.5");
  EXPECT_EQ(inferred(file_with({{range, "NominalRange_16_235"}})), "");
  EXPECT_EQ(inferred(file_with({{range, "Normalized_0_1"}, {format, "Bgr8"}})), "scale=1/255,order=bgr");
  EXPECT_EQ(inferred(file_with({{range, "Normalized_0_1"}, {format, "Bgr8"}}), 1, false), "scale=1/255");
  EXPECT_EQ(inferred(file_with({{format, "Rgb8"}})), "");
  // The standard's words before all others.
  EXPECT_EQ(inferred(file_with({{range, "Normalized_0_1"}}, "UINT8"), 1.0f / 255), "scale=1/255");
}

TEST(AutoPreprocess, OtherRules) {
  EXPECT_EQ(inferred(file_with({}, "UINT8")), "scale=1");
  EXPECT_EQ(inferred(file_with({{"author", "Ultralytics"}})), "scale=1/255");
  EXPECT_EQ(inferred(file_with({{"author", "Somebody"}})), "");
  EXPECT_EQ(inferred(file_with({}), 1.0f / 255), "scale=1");
  EXPECT_EQ(inferred(file_with({}), 0.5f), "");
  EXPECT_NE(infer_preprocess(file_with({}), scaled(1), true).why.find("nothing in the file"),
            std::string::npos);
}

TEST(AutoPreprocess, OnlyWhereItIsAskedFor) {
  const lowbit::testing::TemporaryFolder folder;
  data::DataOptions options{.data = "glyphs", .labels = {}, .preprocess = "scale=1"};
  resolve_auto_preprocess(options, "no such file", {});
  EXPECT_EQ(options.preprocess, "scale=1");
  options.preprocess = "auto";
  const std::string path = folder.write("a.lowbit", "LOWBIT");
  EXPECT_TRUE(says(error_of([&] { resolve_auto_preprocess(options, path, {}); }, ErrorCode::invalid_argument),
                   {"needs an ONNX file"}));
  options.data.clear();
  EXPECT_TRUE(says(error_of([&] { resolve_auto_preprocess(options, path, {}); }, ErrorCode::invalid_argument),
                   {"goes with --data"}));
}

}  // namespace
}  // namespace lowbit::eval
