#include <utility>

#include "core/byte_source.h"
#include "io/onnx/importer.h"
#include "io/onnx/paths.h"
#include "io/onnx/with_codes.h"
#include "lowbit/io/onnx/load.h"

namespace lowbit {

namespace {

Model make_model(onnx_import::ImportedModel imported, const std::string& source) {
  Graph& graph = imported.graph;
  fuse(graph);
  detail::ModelData data;
  for (const Graph::Value& value : graph.values)
    data.types.push_back({value.shape, is_float(value.element) ? DType::f32 : DType::i64, {}});
  data.nodes.resize(graph.nodes.size());
  data.graph = std::move(graph);
  data.source = source;
  return onnx_import::with_codes(Model(std::move(data)), imported.codes);
}

}  // namespace

Model load_onnx(const std::string& path, const OnnxOptions& options) {
  const std::string name = onnx_import::name_of(path);
  return make_model(onnx_import::import_model(ByteSource(path), name, onnx_import::folder_of(path), options),
                    name);
}

Model load_onnx(std::span<const std::byte> bytes, const std::string& name, const std::string& folder,
                const OnnxOptions& options) {
  return make_model(onnx_import::import_model(ByteSource(bytes), name, folder, options), name);
}

}  // namespace lowbit
