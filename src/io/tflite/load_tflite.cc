// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/tflite/load.h"

#include <fmt/format.h>

#include "core/file_bytes.h"
#include "io/onnx/paths.h"
#include "lowbit/core/error.h"

#ifdef LOWBIT_WITH_TFLITE
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/onnx/importer.h"
#include "io/onnx/with_codes.h"
#include "io/tflite/translator.h"
#endif

namespace lowbit {

#ifdef LOWBIT_WITH_TFLITE

namespace {

/// Whether what is computed is as large as the file says: what follows from an input alone may be anything.
void check_sizes(const Graph& graph, const tflite::TfliteFile& file, const tflite::Translator& translator) {
  std::unordered_map<std::string, std::int64_t> computed;
  for (const Graph::Value& value : graph.values) computed.emplace(value.name, value.shape.elements());
  const tflite::Tensor& input = file.tensor(file.inputs()[0]);
  const std::int64_t batch = graph.has_batch && !input.dims.empty() ? input.dims[0] : 1;
  for (const auto& [name, number] : translator.results()) {
    const auto at = computed.find(name);
    const tflite::Tensor& tensor = file.tensor(number);
    if (at != computed.end() && at->second * batch != tensor.elements())
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: tensor '{}' has {} elements, and {} are computed", file.name(),
                              tensor.name, tensor.elements(), at->second * batch));
  }
}

}  // namespace

Model load_tflite(std::span<const std::byte> bytes, const std::string& name) {
  // FlatBuffers reads numbers where they lie; offsets are multiples of their sizes from an aligned beginning.
  std::vector<std::byte> aligned;
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 16 != 0) {
    aligned.assign(bytes.begin(), bytes.end());
    bytes = aligned;
  }
  const tflite::TfliteFile file(bytes, name);
  tflite::Translator translator(file);
  const std::string text = translator.translate().SerializeAsString();
  if (text.empty())
    throw Error(ErrorCode::unsupported, fmt::format("{} is larger than 2 GB as a graph", name));
  onnx_import::ImportedModel imported =
      onnx_import::import_model(ByteSource(std::as_bytes(std::span(text))), name, {}, {});
  check_sizes(imported.graph, file, translator);
  fuse(imported.graph);
  return onnx_import::with_codes(Model(std::move(imported.graph), name), imported.codes);
}

#else

Model load_tflite(std::span<const std::byte>, const std::string& name) {
  throw Error(
      ErrorCode::not_built,
      fmt::format("{} is a TensorFlow Lite file, and this build reads none: it was made without FlatBuffers "
                  "(LOWBIT_TFLITE)",
                  name));
}

#endif

Model load_tflite(const std::string& path) {
  const FileBytes bytes(path, FileAccess::read);
  return load_tflite(bytes.all(), onnx_import::name_of(path));
}

}  // namespace lowbit
