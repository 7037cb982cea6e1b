// SPDX-License-Identifier: Apache-2.0
#include "report/model_info.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <variant>

#include "layers/weight_of.h"
#include "lowbit/core/scheme.h"
#include "lowbit/kernels/gemm.h"
#include "lowbit/layers/ops.h"
#include "lowbit/model/quantize.h"
#include "report/machine.h"
#include "report/open_dimensions.h"
#include "report/table.h"

namespace lowbit::report {
namespace {

using Json = nlohmann::ordered_json;

// Floats that the operator itself holds; quantized nodes keep their codes elsewhere.
std::size_t constant_bytes(const ops::Op& op) {
  return std::visit(
      [](const auto& o) {
        std::size_t floats = 0;
        if constexpr (requires { o.weight.data; }) floats += o.weight.data.size();
        if constexpr (requires { o.bias.size(); }) floats += o.bias.size();
        if constexpr (requires { o.scale.size(), o.shift.size(); }) floats += o.scale.size() + o.shift.size();
        if constexpr (requires { o.constants; })
          for (const arrays::Array& constant : o.constants)
            floats += constant.floats.size() + 2 * constant.integers.size();
        return floats * sizeof(float);
      },
      op);
}

NodeInfo describe_node(const Model& model, int i) {
  const Graph::Node& node = model.graph().nodes[static_cast<std::size_t>(i)];
  const NodeQuantization& quantization = model.quantization(i);
  const ValueType& type = model.type(node.output);
  NodeInfo info;
  info.name = node.name;
  info.op = ops::shown_name(node.op);
  info.shape = type.shape.to_string();
  info.scheme = quantization.name();
  if (quantization.weights) {
    info.weights = format_name(quantization.weights->format);
  } else if (ops::weight_of(node.op)) {
    info.weights = "f32";
  }
  info.kernel = model.kernel(i);
  info.bytes = constant_bytes(node.op) + model.weight_bytes(i);
  info.type = type.dtype == DType::u8     ? fmt::format("u{}", type.bits)
              : type.dtype == DType::rows ? fmt::format("rows{}", type.bits)
              : type.dtype == DType::i64  ? "i64"
                                          : "f32";
  if (type.dtype == DType::u8) info.qparams = type.qparams;
  info.fallback = quantization.fallback;
  return info;
}

std::vector<std::string> describe_values(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> texts;
  for (const ValueId id : ids) {
    const Graph::Value& value = graph.values[static_cast<std::size_t>(id)];
    texts.push_back(fmt::format("{}: {}", value.name, value.shape.to_string()));
  }
  return texts;
}

bool is_empty(const PackReport& r) {
  return r.pairs == 0 && r.excess_pairs == 0 && r.panels == 0 && r.proven_panels == 0 && r.wide_panels == 0;
}

std::string packing_text(const PackReport& r) {
  return fmt::format(
      "packing: {} pairs of weights in {} panels for a saturating instruction, {} of them without a pair "
      "that "
      "could saturate; {} excess pairs listed apart; {} panels on 16-bit products instead\n",
      r.pairs, r.panels, r.proven_panels, r.excess_pairs, r.wide_panels);
}

Json packing_json(const PackReport& r) {
  return {{"pairs", r.pairs},
          {"excess_pairs", r.excess_pairs},
          {"panels", r.panels},
          {"proven_panels", r.proven_panels},
          {"wide_panels", r.wide_panels}};
}

}  // namespace

ModelInfo describe(const Model& model, const std::string& path) {
  ModelInfo info;
  info.path = path;
  info.scheme = model.scheme();
  info.inputs = describe_values(model.graph(), model.graph().inputs);
  info.outputs = describe_values(model.graph(), model.graph().outputs);
  info.open = model.graph().open;
  info.bytes = model.stored_bytes();
  info.bits = model.bits_per_weight();
  if (model.is_quantized()) info.coverage = describe_coverage(model);
  for (int i = 0; i < static_cast<int>(model.graph().nodes.size()); ++i) {
    info.nodes.push_back(describe_node(model, i));
    info.packing += model.pack_report(i);
  }
  return info;
}

std::string format_model_info(const ModelInfo& info, bool colour) {
  using Align = Table::Align;
  Table table({{"layer", Align::left},
               {"op", Align::left},
               {"output", Align::left},
               {"scheme", Align::left},
               {"weights", Align::left},
               {"kernel", Align::left},
               {"bytes"},
               {"type", Align::left},
               {"scale"},
               {"zero point"}});
  for (const NodeInfo& node : info.nodes)
    table.add_row({node.name, node.op, node.shape, node.scheme, node.weights.empty() ? "-" : node.weights,
                   node.kernel.empty() ? "-" : node.kernel, std::to_string(node.bytes), node.type,
                   node.qparams ? fmt::format("{:.6g}", node.qparams->scale) : "-",
                   node.qparams ? std::to_string(node.qparams->zero_point) : "-"});
  std::string text = fmt::format("{}: {}, inputs {}, outputs {}\n", info.path, info.scheme,
                                 fmt::join(info.inputs, ", "), fmt::join(info.outputs, ", "));
  if (!info.open.empty())
    text += fmt::format("open: {}; shapes are those at the highest sizes\n", open_text(info.open));
  text += "\n";
  text += table.to_string(colour);
  text += fmt::format("total: {} nodes, {} bytes, {:.2f} bits per weight\n", info.nodes.size(), info.bytes,
                      info.bits);
  if (info.file_bytes > 0)
    text += info.file_bytes == info.plain_bytes
                ? fmt::format("file: {} bytes\n", info.file_bytes)
                : fmt::format("file: {} bytes, compressed from {}\n", info.file_bytes, info.plain_bytes);
  if (!is_empty(info.packing)) text += packing_text(info.packing);
  if (!info.coverage.empty()) text += info.coverage + "\n";
  return text;
}

Json to_json(const ModelInfo& info) {
  Json layers = Json::array();
  for (const NodeInfo& node : info.nodes)
    layers.push_back({{"name", node.name},
                      {"op", node.op},
                      {"shape", node.shape},
                      {"scheme", node.scheme},
                      {"weights", node.weights.empty() ? Json(nullptr) : Json(node.weights)},
                      {"kernel", node.kernel.empty() ? Json(nullptr) : Json(node.kernel)},
                      {"bytes", node.bytes},
                      {"type", node.type},
                      {"scale", node.qparams ? Json(node.qparams->scale) : Json(nullptr)},
                      {"zero_point", node.qparams ? Json(node.qparams->zero_point) : Json(nullptr)},
                      {"fallback", node.fallback.empty() ? Json(nullptr) : Json(node.fallback)}});
  Json json = {{"schema", "lowbit-info-1"}, {"model", info.path},      {"scheme", info.scheme},
               {"inputs", info.inputs},     {"outputs", info.outputs}, {"bytes", info.bytes},
               {"bits", info.bits},         {"layers", layers}};
  if (info.file_bytes > 0)
    json["file_bytes"] = info.file_bytes, json["uncompressed_bytes"] = info.plain_bytes;
  if (!info.open.empty()) json["open"] = open_json(info.open);
  if (!is_empty(info.packing)) json["packing"] = packing_json(info.packing);
  return json;
}

}  // namespace lowbit::report
