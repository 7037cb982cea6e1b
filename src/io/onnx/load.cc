// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/onnx/load.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <utility>

#include "core/byte_source.h"
#include "io/onnx/importer.h"
#include "io/onnx/model_proto.h"
#include "io/onnx/operator_forms.h"
#include "io/onnx/paths.h"
#include "io/onnx/quantized_pairs.h"
#include "io/onnx/rewrite_quantized.h"
#include "lowbit/core/error.h"
#include "model/open_graph.h"

namespace lowbit {

namespace onnx_import {

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

ModelFile read_model(const ByteSource& source, const std::string& file) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<int>::max());
  const Error broken(ErrorCode::corrupt_file, fmt::format("{} is not an ONNX file or is truncated", file));
  Outline outline;
  if (source.size() == 0 || source.size() > kMost || !make_outline(source, outline)) throw broken;
  ModelFile read;
  onnx::ModelProto& model = read.model;
  if (!model.ParseFromString(outline.model)) throw broken;
  if (!model.has_graph() || model.graph().node_size() == 0) throw broken;
  read.payloads = std::move(outline.payloads);
  read.opsets = inline_functions(model, file);
  return read;
}

ImportedModel import_model(const ByteSource& source, const std::string& file, const std::string& folder,
                           const OnnxOptions& options, std::span<const std::int64_t> sizes) {
  ModelFile read = read_model(source, file);
  onnx::ModelProto& model = read.model;
  const TensorFiles files{source, std::move(read.payloads), file, folder};
  check_graph(model.graph(), {opset_of(model, file), model.ir_version()}, read.opsets, file);
  Importer::Marks marks;
  marks.opsets = std::move(read.opsets);
  marks.dynamic = rewrite_quantized(model, files);
  marks.pairs = find_quantized_pairs(model.graph());
  Importer in_batches(model, files, options, sizes, false, marks);
  try {
    return in_batches.run();
  } catch (const Error& batch_error) {
    if (batch_error.code() != ErrorCode::unsupported && batch_error.code() != ErrorCode::shape_mismatch &&
        batch_error.code() != ErrorCode::invalid_argument)
      throw;
    Importer whole(model, files, options, sizes, true, marks);
    try {
      return whole.run();
    } catch (const Error&) {
      // What got further says more about the file.
      if (whole.progress() > in_batches.progress() || in_batches.progress() < 0) throw;
      throw batch_error;
    }
  }
}

}  // namespace onnx_import

Graph import_onnx(const std::string& path, const OnnxOptions& options) {
  const ByteSource source(path);
  return onnx_import::import_model(source, onnx_import::name_of(path), onnx_import::folder_of(path), options,
                                   detail::highest_sizes(options.open))
      .graph;
}

}  // namespace lowbit
