// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "core/byte_source.h"
#include "core/refuse.h"
#include "io/onnx/importer.h"
#include "io/onnx/paths.h"
#include "io/onnx/with_codes.h"
#include "lowbit/core/error.h"
#include "lowbit/io/onnx/load.h"
#include "model/open_from_sizes.h"
#include "model/open_graph.h"
#include "model/open_places.h"
#include "model/same_results.h"

namespace lowbit {

namespace {

using onnx_import::ImportedModel;
using Sizes = std::span<const std::int64_t>;
using Import = std::function<ImportedModel(Sizes)>;

/// Those of the dimensions that some input has. One that is the batch alone is open in any case.
std::vector<bool> dimensions_of_inputs(const std::vector<OpenDimension>& asked,
                                       const onnx_import::OpenSizes& met, const std::string& source) {
  std::vector<bool> kept;
  for (std::size_t d = 0; d < asked.size(); ++d) {
    if (!met.found()[d] && !met.skipped()[d])
      refuse(fmt::format("{} has no input with an open dimension '{}'", source, asked[d].name));
    kept.push_back(met.found()[d]);
  }
  return kept;
}

/// The model with open dimensions; `highest` is its graph at the highest sizes.
Model open_model(Graph highest, const onnx_import::OpenSizes& met, const std::vector<OpenDimension>& asked,
                 const Import& import, const std::string& source) {
  const std::vector<bool> kept = dimensions_of_inputs(asked, met, source);
  std::vector<OpenDimension> dimensions;
  for (std::size_t d = 0; d < asked.size(); ++d)
    if (kept[d]) dimensions.push_back(asked[d]);
  if (dimensions.empty()) return Model(std::move(highest), source);
  const auto graph_at = [&](Sizes sizes) {
    std::vector<std::int64_t> all;
    for (std::size_t d = 0, next = 0; d < asked.size(); ++d)
      all.push_back(kept[d] ? sizes[next++] : asked[d].highest);
    Graph graph = import(all).graph;
    fuse(graph);
    return graph;
  };
  try {
    Model model(detail::open_from_sizes(std::move(highest), dimensions, graph_at), source);
    for (const std::vector<std::int64_t>& sizes : detail::places_to_look(dimensions).small)
      detail::require_same_results(model, sizes, Model(graph_at(sizes), source));
    return model;
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", source, e.what()));
  }
}

Model make_model(const OnnxOptions& options, const std::string& source, const Import& import) {
  detail::check_dimensions(options.open);
  ImportedModel imported = import(detail::highest_sizes(options.open));
  fuse(imported.graph);
  Model model = options.open.empty()
                    ? Model(std::move(imported.graph), source)
                    : open_model(std::move(imported.graph), imported.open, options.open, import, source);
  return onnx_import::with_codes(std::move(model), imported.codes);
}

}  // namespace

Model load_onnx(const std::string& path, const OnnxOptions& options) {
  const std::string name = onnx_import::name_of(path);
  return make_model(options, name, [&](Sizes sizes) {
    return onnx_import::import_model(ByteSource(path), name, onnx_import::folder_of(path), options, sizes);
  });
}

Model load_onnx(std::span<const std::byte> bytes, const std::string& name, const std::string& folder,
                const OnnxOptions& options) {
  return make_model(options, name, [&](Sizes sizes) {
    return onnx_import::import_model(ByteSource(bytes), name, folder, options, sizes);
  });
}

}  // namespace lowbit
