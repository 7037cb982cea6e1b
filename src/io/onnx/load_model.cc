#include <utility>

#include "io/onnx/importer.h"
#include "io/onnx/paths.h"
#include "lowbit/io/onnx/load.h"

namespace lowbit {

namespace {

Model make_model(Graph graph, const std::string& source) {
  fuse(graph);
  detail::ModelData data;
  for (const Graph::Value& value : graph.values)
    data.types.push_back({value.shape, is_float(value.element) ? DType::f32 : DType::i64, {}});
  data.nodes.resize(graph.nodes.size());
  data.graph = std::move(graph);
  data.source = source;
  return Model(std::move(data));
}

}  // namespace

Model load_onnx(const std::string& path, const OnnxOptions& options) {
  return make_model(import_onnx(path, options), onnx_import::name_of(path));
}

Model load_onnx(std::span<const std::byte> bytes, const std::string& name, const std::string& folder,
                const OnnxOptions& options) {
  return make_model(onnx_import::import_model(ByteSource(bytes), name, folder, options), name);
}

}  // namespace lowbit
