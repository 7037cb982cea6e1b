// SPDX-License-Identifier: Apache-2.0
#include "eval/auto_preprocess.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/file_io.h"
#include "data/dataset.h"
#include "lowbit/core/error.h"

namespace lowbit::eval {
namespace {

const std::string* metadata(const OnnxSummary& file, const std::string& key) {
  for (const auto& [name, value] : file.metadata)
    if (name == key) return &value;
  return nullptr;
}

// Image.NominalPixelRange of ONNX's docs/MetadataProps.md.
constexpr std::pair<const char*, const char*> kRanges[] = {
    {"NominalRange_0_255", "scale=1"},
    {"Normalized_0_1", "scale=1/255"},
    {"Normalized_1_1", "scale=1/255,mean=0.5,std=0.5"},
};

InferredPreprocess from_standard_metadata(const OnnxSummary& file, bool images) {
  InferredPreprocess inferred;
  const auto add = [&](const std::string& text, const std::string& why) {
    inferred.preprocess += (inferred.preprocess.empty() ? "" : ",") + text;
    inferred.why += (inferred.why.empty() ? "metadata " : ", ") + why;
  };
  if (const std::string* range = metadata(file, "Image.NominalPixelRange"))
    for (const auto& [name, text] : kRanges)
      if (*range == name) add(text, "Image.NominalPixelRange " + *range);
  const std::string* format = metadata(file, "Image.BitmapPixelFormat");
  if (images && format && format->starts_with("Bgr")) add("order=bgr", "Image.BitmapPixelFormat " + *format);
  return inferred;
}

/// Whether what reads the input first divides it as bytes are.
bool divides_bytes(const Graph& graph) {
  if (graph.inputs.size() != 1) return false;
  const std::vector<int> readers = graph.consumers(graph.inputs[0]);
  if (readers.size() != 1) return false;
  const auto* op = std::get_if<ops::ScaleShiftOp>(&graph.nodes[static_cast<std::size_t>(readers[0])].op);
  return op && std::all_of(op->scale.begin(), op->scale.end(),
                           [](float s) { return s != 0.0f && std::fabs(s) <= 1.0f / 32; });
}

std::string describe_inputs(const OnnxSummary& file) {
  std::vector<std::string> inputs;
  for (const OnnxTensor& input : file.inputs)
    inputs.push_back(fmt::format("'{}' {} {}{}", input.name, input.element, fmt::join(input.dims, "x"),
                                 input.denotation.empty() ? "" : ", an " + input.denotation));
  return fmt::format("{}", fmt::join(inputs, "; "));
}

}  // namespace

InferredPreprocess infer_preprocess(const OnnxSummary& file, const Graph& graph, bool images) {
  InferredPreprocess standard = from_standard_metadata(file, images);
  if (!standard.preprocess.empty()) return standard;
  if (!file.inputs.empty() && file.inputs[0].element == "UINT8")
    return {"scale=1", "the input is UINT8: bytes as they are"};
  if (const std::string* author = metadata(file, "author"); author && *author == "Ultralytics")
    return {"scale=1/255", "metadata author Ultralytics: red, green, blue from 0 to 1"};
  if (divides_bytes(graph)) return {"scale=1", "the network itself divides its input: bytes as they are"};
  return {"", "nothing in the file says what it takes: the data's default"};
}

void resolve_auto_preprocess(data::DataOptions& options, const std::string& model, const OnnxOptions& onnx) {
  if (options.preprocess != "auto") return;
  if (options.data.empty()) throw Error(ErrorCode::invalid_argument, "--preprocess auto goes with --data");
  const bool images = data::parse_data_spec(options.data, options.labels).name == "images";
  if (read_prefix(model, 6) == "LOWBIT")
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("--preprocess auto needs an ONNX file; {} is a .lowbit file, which has no metadata",
                    model));
#ifdef LOWBIT_WITH_ONNX
  const OnnxSummary file = describe_onnx(model);
  const InferredPreprocess inferred = infer_preprocess(file, import_onnx(model, onnx), images);
  options.preprocess = inferred.preprocess;
  fmt::print(stderr, "preprocess auto: input {}; {} ({})\n", describe_inputs(file),
             inferred.preprocess.empty() ? "not changed" : inferred.preprocess, inferred.why);
#else
  static_cast<void>(onnx);
  throw Error(ErrorCode::not_built, "--preprocess auto needs the ONNX importer, which this build lacks");
#endif
}

}  // namespace lowbit::eval
