// SPDX-License-Identifier: Apache-2.0
#include "lowbit/model/serialize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "model/binary_fields.h"
#include "model/checksummed_file.h"
#include "model/compiled_model.h"
#include "model/compressed_bytes.h"
#include "model/compressed_fields.h"
#include "model/quantize_nodes.h"

namespace lowbit {
namespace {

constexpr std::uint32_t kVersion = 8, kFirstVersion = 1;
/// What is written where no weights have a label and no layer takes signs, so that an older lowbit, which
/// would run such layers as weight-only ones, reads all other files.
constexpr std::uint32_t kOlderVersion = 3;
/// What is written of a model that is not to be compressed, where a value is rows in codes.
constexpr std::uint32_t kPlainVersion = 7;
/// The same where no value is rows in codes.
constexpr std::uint32_t kOpenVersion = 6;
/// What is written where, besides, no dimension is open.
constexpr std::uint32_t kFixedVersion = 5;
/// What is written where, besides, all values are floats or codes and samples come in batches.
constexpr std::uint32_t kFloatVersion = 4;
/// Calibration tables outlive versions: what a model is known by must not change with them. All that later
/// versions added is of quantized models, which are not calibrated.
constexpr std::uint32_t kFingerprintVersion = 1;
constexpr detail::FileKind kModelFile{
    {'L', 'O', 'W', 'B', 'I', 'T', '\r', '\n'}, kFirstVersion, kVersion, "a .lowbit file"};

/// Bits of a code as they are stored; of signs, a byte of them.
int symbol_bits(WeightFormat format) {
  switch (format) {
    case WeightFormat::u4:
    case WeightFormat::lut4:
      return 4;
    case WeightFormat::s2:
      return 2;
    default:
      return 8;
  }
}

/// One description of the format for both directions: V is FieldWriter or FieldReader. Version 1 has no
/// offsets and levels, version 2 no bits of values, version 3 no labels of weights and no sign activations,
/// version 4 no integers and no graphs without a batch, version 5 no open dimensions, version 6 no rows in
/// codes, version 7 no lists in blocks.
template <class V>
void visit(V& v, QuantizedMatrix& q, std::uint32_t version) {
  v("rows", q.rows), v("cols", q.cols), v("format", q.format), v("bits", q.bits);
  v("granularity", q.granularity.kind), v("group_size", q.granularity.group_size);
  v.codes("codes", q.codes, symbol_bits(q.format));
  v("scales", q.scales), v("zero_points", q.zero_points);
  if (version == 1) return;
  v("offsets", q.offsets), v("levels", q.levels), v("scale_bits", q.scale_bits);
}

template <class V>
void visit(V& v, ValueType& type, std::uint32_t version) {
  v("shape", type.shape), v("dtype", type.dtype), v("scale", type.qparams.scale),
      v("zero_point", type.qparams.zero_point);
  if (version > 2) v("bits", type.bits);
}

/// Open dimensions, and what follows from their sizes.
template <class V>
void visit_open(V& v, Graph& graph) {
  v("open dimensions", graph.open);
  graph.input_rules.resize(graph.inputs.size());
  for (std::vector<SizeRule>& rules : graph.input_rules) v("input rules", rules);
  for (Graph::Node& node : graph.nodes) v("node rules", node.rules);
}

/// Visiting takes mutable references.
void write(FieldWriter& v, detail::ModelData data, std::uint32_t version) {
  v("scheme", data.scheme), v("source", data.source);
  if (version > 4) v("has batch", data.graph.has_batch);
  v("values", static_cast<std::uint64_t>(data.graph.values.size()));
  for (std::size_t i = 0; i < data.graph.values.size(); ++i) {
    v("value name", data.graph.values[i].name);
    visit(v, data.types[i], version);
  }
  v("inputs", data.graph.inputs), v("outputs", data.graph.outputs);
  v("nodes", static_cast<std::uint64_t>(data.graph.nodes.size()));
  for (std::size_t i = 0; i < data.graph.nodes.size(); ++i) {
    Graph::Node& node = data.graph.nodes[i];
    NodeQuantization& q = data.nodes[i];
    v("node name", node.name), v("operator", std::string(ops::op_name(node.op)));
    std::visit([&](auto& op) { op.visit_fields(v); }, node.op);
    v("node inputs", node.inputs), v("node output", node.output);
    v("node scheme", format_scheme(q.scheme)), v("fallback", q.fallback);
    if (version > 3) v("weights label", q.weights_label);
    v("quantized", q.weights.has_value());
    if (q.weights) visit(v, *q.weights, version);
  }
  if (version > 5) visit_open(v, data.graph);
}

/// Constructs the alternative of ops::Op whose kName is `name`.
template <std::size_t I = 0>
bool make_op(const std::string& name, ops::Op& op) {
  if constexpr (I < std::variant_size_v<ops::Op>) {
    if (std::variant_alternative_t<I, ops::Op>::kName == name) {
      op.emplace<I>();
      return true;
    }
    return make_op<I + 1>(name, op);
  }
  return false;
}

Graph::Node read_node(FieldReader& v, NodeQuantization& q, std::uint32_t version) {
  Graph::Node node;
  std::string op_name, scheme;
  v("node name", node.name), v("operator", op_name);
  if (!make_op(op_name, node.op))
    throw Error(ErrorCode::unsupported,
                fmt::format("layer '{}' is a '{}', which this lowbit does not have", node.name, op_name));
  std::visit([&](auto& op) { op.visit_fields(v); }, node.op);
  bool quantized = false;
  v("node inputs", node.inputs), v("node output", node.output);
  v("node scheme", scheme), v("fallback", q.fallback);
  if (version > 3) v("weights label", q.weights_label);
  v("quantized", quantized);
  q.scheme = parse_scheme(scheme);
  if (quantized) {
    visit(v, q.weights.emplace(), version);
    q.weights->validate();
  }
  return node;
}

bool has_float_weights(const ops::Op& op) {
  return std::visit(
      [](const auto& layer) {
        if constexpr (requires { layer.weight; }) return !layer.weight.data.empty();
        return true;
      },
      op);
}

detail::ModelData read(FieldReader& v, std::uint32_t version) {
  detail::ModelData data;
  v("scheme", data.scheme), v("source", data.source);
  if (data.scheme != kSchemeOfFile && data.scheme != kMixedSchemes)
    parse_scheme(data.scheme);  // refuses what is none
  if (version > 4) v("has batch", data.graph.has_batch);
  const std::uint64_t values = v.length("values", 8);
  for (std::uint64_t i = 0; i < values; ++i) {
    Graph::Value value;
    ValueType type;
    v("value name", value.name);
    visit(v, type, version);
    const DType last = version > 6 ? DType::rows : version > 4 ? DType::i64 : DType::u8;
    const bool are_rows = type.dtype == DType::rows;
    if (type.dtype > last || (are_rows && (type.shape.rank() != 4 || (type.bits != 8 && type.bits != 4))) ||
        !(std::isfinite(type.qparams.scale) && type.qparams.scale > 0) || type.bits < 2 || type.bits > 8 ||
        type.qparams.zero_point < 0 || type.qparams.zero_point > type.codes().qmax)
      v.fail("value type");
    value.shape = type.shape;
    value.element = type.dtype == DType::i64 ? ElementType::i64 : ElementType::f32;
    data.graph.values.push_back(std::move(value));
    data.types.push_back(type);
  }
  v("inputs", data.graph.inputs), v("outputs", data.graph.outputs);
  const std::uint64_t nodes = v.length("nodes", 8);
  for (std::uint64_t i = 0; i < nodes; ++i) {
    NodeQuantization q;
    data.graph.nodes.push_back(read_node(v, q, version));
    if (!q.weights && !has_float_weights(data.graph.nodes.back().op)) v.fail("weights");
    data.nodes.push_back(std::move(q));
  }
  if (version > 5) visit_open(v, data.graph);
  if (!v.at_end()) v.fail("end");
  return data;
}

/// What the file says of shapes must be what the operators make of the inputs.
void check_shapes(detail::ModelData& data) {
  Graph& graph = data.graph;
  validate(graph);
  infer_shapes(graph);
  for (std::size_t i = 0; i < graph.values.size(); ++i)
    if (!(graph.values[i].shape == data.types[i].shape))
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("value '{}' is recorded as {} but computed as {}", graph.values[i].name,
                              data.types[i].shape.to_string(), graph.values[i].shape.to_string()));
}

}  // namespace

namespace {

/// That reads all of this model, uncompressed.
std::uint32_t oldest_version(const Model& model) {
  const auto& nodes = model.data().nodes;
  const bool is_new = std::any_of(nodes.begin(), nodes.end(), [](const NodeQuantization& q) {
    return !q.weights_label.empty() || q.scheme.activation_bits == 1;
  });
  const auto& types = model.data().types;
  const bool is_general =
      !model.graph().has_batch ||
      std::any_of(types.begin(), types.end(), [](const ValueType& type) { return type.dtype == DType::i64; });
  const bool has_rows = std::any_of(types.begin(), types.end(),
                                    [](const ValueType& type) { return type.dtype == DType::rows; });
  return has_rows                      ? kPlainVersion
         : !model.graph().open.empty() ? kOpenVersion
         : is_general                  ? kFixedVersion
         : is_new                      ? kFloatVersion
                                       : kOlderVersion;
}

}  // namespace

std::vector<std::byte> save_to_bytes(const Model& model, const SaveOptions& options) {
  detail::FileKind kind = kModelFile;
  if (options.compress)
    return detail::seal(kind, detail::write_compressed([&](FieldWriter& fields) {
                          write(fields, model.complete_data(), kVersion);
                        }));
  kind.version = oldest_version(model);
  FieldWriter payload;
  write(payload, model.complete_data(), kind.version);
  return detail::seal(kind, payload.take());
}

bool detail::is_compressed_file(const std::string& path) {
  std::uint32_t version = 0;  // behind the magic
  const std::string head = read_prefix(path, kModelFile.magic.size() + sizeof(version));
  if (head.size() < kModelFile.magic.size() + sizeof(version)) return false;
  std::memcpy(&version, head.data() + kModelFile.magic.size(), sizeof(version));
  return version > kPlainVersion;
}

std::vector<std::size_t> detail::compressed_node_bytes(const Model& model) {
  detail::ModelData data = model.complete_data();
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < data.nodes.size(); ++i) {
    const auto write = [&](FieldWriter& fields) {
      std::visit([&](auto& op) { op.visit_fields(fields); }, data.graph.nodes[i].op);
      if (data.nodes[i].weights) visit(fields, *data.nodes[i].weights, kVersion);
    };
    sizes.push_back(write_compressed(write).size());
  }
  return sizes;
}

void save(const Model& model, const std::string& path, const SaveOptions& options) {
  write_file(path, save_to_bytes(model, options));
}

namespace {

Model load_source(const ByteSource& source, const std::string& name) {
  detail::Opened file = detail::open_sealed(kModelFile, source, name);
  try {
    detail::ModelData data;
    if (file.version > kPlainVersion) {
      data = detail::read_compressed(std::move(file.payload), name,
                                     [&](FieldReader& reader) { return read(reader, file.version); });
    } else {
      FieldReader reader(std::move(file.payload), name);
      data = read(reader, file.version);
    }
    check_shapes(data);
    return Model(std::move(data));
  } catch (const Error& e) {
    detail::blame_file(e, name);
  }
}

}  // namespace

Model load(std::span<const std::byte> bytes, const std::string& name) {
  return load_source(ByteSource(bytes), name);
}

Model load(const std::string& path) {
  return load_source(ByteSource(path), path);
}

std::uint64_t fingerprint(const Model& model) {
  const detail::CompiledModel& compiled = model.compiled();
  std::call_once(compiled.fingerprinted, [&] {
    detail::ModelData data = model.complete_data();
    data.source.clear();
    FieldWriter payload;
    write(payload, std::move(data), kFingerprintVersion);
    std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
    for (const std::byte b : payload.take())
      hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001B3u;
    compiled.fingerprint = hash;
  });
  return compiled.fingerprint;
}

}  // namespace lowbit
