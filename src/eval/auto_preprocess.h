// SPDX-License-Identifier: Apache-2.0
// --preprocess auto: what the file of a network says of the pixels that it takes.
#pragma once

#include <string>

#include "data/data_options.h"
#include "lowbit/io/onnx/describe.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/graph.h"

namespace lowbit::eval {

struct InferredPreprocess {
  std::string preprocess{};  ///< as --preprocess takes it; empty: the default of the data
  std::string why{};         ///< the rule that said so
};

/// The rules are those of docs/data.md, the first that fits. `graph` is the file's before passes fold
/// anything; pixels are taken to be bytes, of 0 to 255. `images`: whether the data can be told the order of
/// channels.
InferredPreprocess infer_preprocess(const OnnxSummary& file, const Graph& graph, bool images);

/// Where the options say "auto": puts in its place what the file says, and prints that to standard error.
/// Throws Error(invalid_argument) for a file that is not ONNX.
void resolve_auto_preprocess(data::DataOptions& options, const std::string& model, const OnnxOptions& onnx);

}  // namespace lowbit::eval
