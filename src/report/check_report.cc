// SPDX-License-Identifier: Apache-2.0
#include "report/check_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "layers/count_products.h"
#include "lowbit/model/quantize.h"
#include "model/node_schemes.h"
#include "report/open_dimensions.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

struct Layer {
  std::string name, op, shape, scheme, fallback;
  std::int64_t products = 0;  ///< multiplications of weights or values, for one sample
};

std::int64_t products_of(const Graph& graph, const Graph::Node& node) {
  std::vector<Shape> inputs;
  for (const ValueId id : node.inputs) inputs.push_back(graph.values[static_cast<std::size_t>(id)].shape);
  return ops::count_products(node.op, inputs, graph.values[static_cast<std::size_t>(node.output)].shape);
}

std::vector<Layer> layers(const Check& check) {
  std::vector<Layer> all;
  if (!check.model) return all;
  const Graph& graph = check.model->graph();
  const std::vector<NodePlan> plans =
      plan_nodes(graph, std::vector<Scheme>(graph.nodes.size(), check.scheme));
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    all.push_back({node.name, std::string(ops::shown_name(node.op)),
                   graph.values[static_cast<std::size_t>(node.output)].shape.to_string(),
                   format_scheme(plans[i].scheme), plans[i].fallback, products_of(graph, node)});
  }
  return all;
}

std::string tensors_text(const std::vector<OnnxTensor>& tensors) {
  std::vector<std::string> texts;
  for (const OnnxTensor& t : tensors)
    texts.push_back(fmt::format("{} {}[{}]", t.name, t.element, fmt::join(t.dims, ", ")));
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string operators_text(const OnnxSummary& file) {
  std::vector<std::string> texts;
  for (const auto& [op, count] : file.operators) texts.push_back(fmt::format("{} {}", op, count));
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::size_t run_bytes(const Model& model) {
  return Workspace(model).bytes();
}

/// "41 of 60 layers int8; fp32: 12 LayerNormalization has no 8-bit form, ..."
std::string plan_text(const Check& check, const std::vector<Layer>& all) {
  std::map<std::string, int> reasons;
  int quantized = 0;
  for (const Layer& layer : all) {
    quantized += layer.scheme != "fp32";
    if (layer.scheme == "fp32") ++reasons[layer.fallback.empty() ? "not a product" : layer.fallback];
  }
  std::vector<std::string> texts;
  for (const auto& [reason, count] : reasons) texts.push_back(fmt::format("{} ({})", count, reason));
  std::string text = fmt::format("{} of {} layers", quantized, all.size());
  if (!texts.empty()) text += fmt::format("; fp32: {}", fmt::join(texts, ", "));
  return fmt::format("{:10} {}\n", format_scheme(check.scheme), text);
}

}  // namespace

std::string format_check(const Check& check, bool colour) {
  const OnnxSummary& file = check.file;
  std::string text = fmt::format("{}: opset {}{}\n", check.path, file.opset,
                                 file.producer.empty() ? "" : ", written by " + file.producer);
  const auto line = [&](const char* title, const std::string& what) {
    text += fmt::format("{:10} {}\n", title, what);
  };
  line("inputs", tensors_text(file.inputs));
  line("outputs", tensors_text(file.outputs));
  line("operators", operators_text(file));
  line("missing", file.missing.empty() ? "none" : fmt::format("{}", fmt::join(file.missing, ", ")));
  if (!check.model) {
    line("import", "no: " + check.problem);
    return text;
  }
  const Model& model = *check.model;
  line("import", model.graph().has_batch ? "yes, samples in batches"
                                         : "yes, whole: a run takes one tensor of each input");
  if (!model.graph().open.empty())
    line("open", open_text(model.graph().open) + "; what follows is at the highest sizes");
  const std::vector<Layer> all = layers(check);
  std::int64_t products = 0;
  for (const Layer& layer : all) products += layer.products;
  line("memory", fmt::format("{} bytes of weights, {} bytes for a run of one sample", model.stored_bytes(),
                             run_bytes(model)));
  line("products", fmt::format("{:.3f} million a sample", static_cast<double>(products) * 1e-6));
  text += plan_text(check, all) + "\n";
  Table table({{"layer", Table::Align::left},
               {"op", Table::Align::left},
               {"output", Table::Align::left},
               {"products"},
               {"would run as", Table::Align::left}});
  for (const Layer& layer : all)
    table.add_row({layer.name, layer.op, layer.shape, std::to_string(layer.products),
                   layer.fallback.empty() ? layer.scheme : layer.scheme + ": " + layer.fallback});
  return text + table.to_string(colour);
}

Json to_json(const Check& check) {
  const auto tensors = [](const std::vector<OnnxTensor>& list) {
    Json json = Json::array();
    for (const OnnxTensor& t : list)
      json.push_back({{"name", t.name}, {"element", t.element}, {"dims", t.dims}});
    return json;
  };
  Json operators = Json::object();
  for (const auto& [op, count] : check.file.operators) operators[op] = count;
  Json json{{"schema", "lowbit-check-1"},
            {"path", check.path},
            {"opset", check.file.opset},
            {"producer", check.file.producer},
            {"inputs", tensors(check.file.inputs)},
            {"outputs", tensors(check.file.outputs)},
            {"operators", operators},
            {"missing", check.file.missing},
            {"problem", check.model ? Json(nullptr) : Json(check.problem)}};
  if (!check.model) return json;
  json["has_batch"] = check.model->graph().has_batch;
  if (!check.model->graph().open.empty()) json["open"] = open_json(check.model->graph().open);
  json["weight_bytes"] = check.model->stored_bytes();
  json["run_bytes"] = run_bytes(*check.model);
  json["scheme"] = format_scheme(check.scheme);
  for (const Layer& layer : layers(check))
    json["layers"].push_back({{"name", layer.name},
                              {"op", layer.op},
                              {"shape", layer.shape},
                              {"products", layer.products},
                              {"scheme", layer.scheme},
                              {"fallback", layer.fallback.empty() ? Json(nullptr) : Json(layer.fallback)}});
  return json;
}

}  // namespace lowbit::report
