// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/importer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "io/onnx/array_node.h"
#include "io/onnx/convert_whole.h"
#include "io/onnx/model_proto.h"
#include "io/onnx/node_context.h"
#include "io/onnx/operator_forms.h"
#include "io/onnx/registry.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {

namespace {

/// What the caller gives for an input, as the file declares it: whole floats may stand for integers, integers
/// for floats, and elements in a row for a tensor of as many.
Constant fixed_constant(const std::string& file, const onnx::ValueInfoProto& input, arrays::Array given) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: what is given for the input '{}' {}", file, input.name(), what));
  };
  const auto& type = input.type().tensor_type();
  const std::optional<ElementType> element = element_type(type.elem_type());
  if (!element) refuse("has no element type that is supported");
  if (is_float(*element) && !is_float(given.type.element))
    given.floats.assign(given.integers.begin(), given.integers.end());
  if (!is_float(*element) && is_float(given.type.element))
    for (const float v : given.floats) {
      if (!(std::fabs(v) < 9e18f) || v != std::floor(v)) refuse(fmt::format("holds {}, no integer", v));
      given.integers.push_back(static_cast<std::int64_t>(v));
    }
  given.type.element = *element;
  is_float(*element) ? given.integers.clear() : given.floats.clear();
  std::vector<std::int64_t> dims;
  bool is_open = false;
  for (const auto& dim : type.shape().dim()) {
    dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    is_open = is_open || dims.back() < 0;
  }
  const std::int64_t count = given.type.shape.elements();
  if (is_open && dims.size() == 1) dims = {count}, is_open = false;
  std::int64_t elements = 1;
  for (const std::int64_t dim : dims) elements *= dim;
  if (is_open ? static_cast<int>(dims.size()) != given.type.shape.rank() : elements != count)
    refuse(fmt::format("has the shape {}", given.type.shape.to_string()));
  Constant constant = to_constant(std::move(given));
  if (!is_open) constant.dims = dims;
  return constant;
}

}  // namespace

Importer::Importer(const onnx::ModelProto& model, const TensorFiles& files, const OnnxOptions& options,
                   std::span<const std::int64_t> sizes, bool is_whole, const Marks& marks)
    : model_(model),
      files_(files),
      options_(options),
      open_(options.open, sizes),
      is_whole_(is_whole),
      marks_(marks) {}

ImportedModel Importer::run() {
  opset_ = opset_of(model_, file());
  require_supported();
  graph_.has_batch = !is_whole_;
  collect_initializers(model_.graph());
  collect_used(model_.graph());
  add_inputs();
  progress_ = 0;
  import_nodes(model_.graph());
  add_outputs();
  for (const auto& value : model_.graph().value_info()) check_declared(value);
  for (const auto& value : model_.graph().output()) check_declared(value);
  remove_dead_nodes(graph_);
  validate(graph_);
  return {std::move(graph_), std::move(codes_), std::move(open_)};
}

void Importer::import_nodes(const onnx::GraphProto& graph) {
  const std::int64_t around = opset_;
  for (const auto& proto : graph.node()) {
    opset_ = opset_of(proto, marks_.opsets, around);
    NodeContext node(*this, proto);
    if (is_whole_) {
      convert_whole(*this, node);
    } else {
      find_converter(proto.op_type())(node);
      for (int i = 1; i < proto.output_size(); ++i) side_outputs_.insert(proto.output(i));
    }
    ++progress_;
  }
  opset_ = around;
}

void Importer::import_in_place(const onnx::GraphProto& body) {
  constexpr int kMostNodes = 1 << 16;
  nodes_in_place_ += body.node_size();
  if (nodes_in_place_ > kMostNodes)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} has a number of steps in its loops that makes more than {} nodes", file(),
                            kMostNodes));
  collect_used(body);
  for (const auto& tensor : body.initializer())
    define(tensor.name(), std::make_shared<const Constant>(read(tensor)));
  import_nodes(body);
}

std::vector<Importer::Entry> Importer::import_inner(const onnx::GraphProto& inner) {
  scopes_.emplace_back();
  for (const auto& tensor : inner.initializer())
    define(tensor.name(), std::make_shared<const Constant>(read(tensor)));
  import_nodes(inner);
  std::vector<Entry> results;
  for (const auto& output : inner.output()) {
    const Entry* entry = find(output.name());
    if (!entry)
      throw Error(
          ErrorCode::corrupt_file,
          fmt::format("{}: nothing computes the output '{}' of an inner graph", file(), output.name()));
    results.push_back(*entry);
  }
  scopes_.pop_back();
  return results;
}

void Importer::collect_used(const onnx::GraphProto& graph) {
  for (const auto& output : graph.output()) used_names_.insert(output.name());
  for (const auto& node : graph.node()) {
    used_names_.insert(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) collect_used(attribute.g());
  }
}

void Importer::require_supported() const {
  if (model_.graph().sparse_initializer_size() > 0)
    throw Error(ErrorCode::unsupported,
                fmt::format("{} has sparse initializers, which lowbit does not read", file()));
  std::map<std::string, int> missing;
  for (const auto& node : model_.graph().node()) {
    if (!is_known_domain(node))
      ++missing[node.domain() + "." + node.op_type()];
    else if (is_whole_ ? !has_whole_converter(node.op_type()) : !find_converter(node.op_type()))
      ++missing[node.op_type()];
  }
  if (missing.empty()) return;
  std::string list;
  for (const auto& [op, count] : missing)
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", op, count);
  throw Error(ErrorCode::unsupported,
              fmt::format("{} uses operators that lowbit does not have: {}", file(), list));
}

void Importer::collect_initializers(const onnx::GraphProto& graph) {
  for (const auto& tensor : graph.initializer()) initializers_[tensor.name()] = &tensor;
}

void Importer::check_declared(const onnx::ValueInfoProto& value) {
  const Entry* entry = find(value.name());
  if (!entry || !value.type().has_tensor_type()) return;
  const auto* id = std::get_if<ValueId>(entry);
  const ElementType computed = id ? graph_.values[static_cast<std::size_t>(*id)].element
                                  : std::get<ConstantPtr>(*entry)->element_type();
  const int declared = value.type().tensor_type().elem_type();
  const std::optional<ElementType> element = element_type(declared);
  // Floats of all widths are one kind here, and codes may have become what they stand for.
  const auto is_code = [](ElementType type) { return type == ElementType::i8 || type == ElementType::u8; };
  if (declared == 0 || is_code(computed) || (element && is_code(*element)) ||
      (element && is_float(*element) == is_float(computed)))
    return;
  throw Error(ErrorCode::corrupt_file,
              fmt::format("{}: '{}' is declared as {} and computed as {}", file(), value.name(),
                          type_name(declared), is_float(computed) ? "floats" : "integers"));
}

void Importer::add_inputs() {
  for (const auto& input : model_.graph().input())
    if (!initializers_.contains(input.name()) && !add_fixed_input(input))
      is_whole_ ? add_whole_input(input) : add_input(input);
  if (graph_.inputs.empty() && !is_whole_)
    throw Error(ErrorCode::unsupported, fmt::format("{} has no inputs", file()));
  check_given_shapes();
}

const Shape* Importer::given_shape(const std::string& input) const {
  for (const auto& [name, shape] : options_.shapes)
    if (name.empty() || name == input) return &shape;
  return nullptr;
}

void Importer::check_given_shapes() const {
  for (const auto& given : options_.shapes) {
    const std::string& name = given.first;
    const Shape& shape = given.second;
    if (name.empty() && graph_.inputs.size() > 1)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} has {} inputs; say which one has the shape {}",
                                                           file(), graph_.inputs.size(), shape.to_string()));
    const auto is_named = [&](ValueId id) {
      return name.empty() || graph_.values[static_cast<std::size_t>(id)].name == name;
    };
    if (std::none_of(graph_.inputs.begin(), graph_.inputs.end(), is_named))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} has no input '{}', for which a shape is given", file(), name));
  }
}

void Importer::add_input(const onnx::ValueInfoProto& input) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 31;
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::unsupported, fmt::format("{}: input '{}' {}", file(), input.name(), what));
  };
  if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape())
    refuse("has no tensor shape");
  const auto& type = input.type().tensor_type();
  if (type.elem_type() != onnx::TensorProto::FLOAT) refuse("is not of element type FLOAT");
  const auto& dims = type.shape().dim();
  if (dims.size() < 2 || dims.size() > 4)
    refuse(fmt::format("has {} dimensions; N x F, N x T x F and N x C x H x W are supported", dims.size()));
  const std::int64_t batch = dims[0].has_dim_value() ? dims[0].dim_value() : -1;
  if (batch > 0 && fixed_batch_ > 0 && batch != fixed_batch_)
    refuse(fmt::format("has {} in its first dimension, another input {}", batch, fixed_batch_));
  if (batch > 0) fixed_batch_ = batch;
  open_.skip(input, 0);
  const Shape* given = given_shape(input.name());
  if (given && given->rank() + 1 != dims.size())
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: samples of the input '{}' have {} dimensions; the shape given is {}", file(),
                            input.name(), dims.size() - 1, given->to_string()));
  std::vector<std::int64_t> sample;
  std::int64_t elements = 1;
  for (int i = 1; i < dims.size(); ++i) {
    const bool fixed = dims[i].has_dim_value() && dims[i].dim_value() > 0;
    const std::optional<std::int64_t> open = open_.find(input, i);
    if (!fixed && !given && !open)
      refuse(fmt::format("has no fixed size in dimension {}{}; give the shape of a sample", i,
                         dims[i].has_dim_param() ? " ('" + dims[i].dim_param() + "')" : ""));
    const std::int64_t size = open ? *open : given ? (*given)[i - 1] : dims[i].dim_value();
    if (size < 1 || (fixed && size != dims[i].dim_value()))
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("{}: dimension {} of the input '{}' is {} in the file; the shape given is {}", file(),
                      i, input.name(), fixed ? std::to_string(dims[i].dim_value()) : "at least 1",
                      given->to_string()));
    if (size > kMostElements / elements) refuse("has more than 2^31 elements in a sample");
    elements *= size;
    sample.push_back(size);
  }
  const ValueId id = graph_.add_value(input.name(), Shape(sample));
  graph_.inputs.push_back(id);
  define(input.name(), id);
}

bool Importer::add_fixed_input(const onnx::ValueInfoProto& input) {
  for (const auto& fixed : options_.constants) {
    if (fixed.first != input.name()) continue;
    define(input.name(), std::make_shared<const Constant>(fixed_constant(file(), input, fixed.second)));
    return true;
  }
  return false;
}

void Importer::add_whole_input(const onnx::ValueInfoProto& input) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::unsupported, fmt::format("{}: input '{}' {}", file(), input.name(), what));
  };
  if (!input.type().has_tensor_type() || !input.type().tensor_type().has_shape())
    refuse("has no tensor shape");
  const auto& type = input.type().tensor_type();
  const std::optional<ElementType> element = element_type(type.elem_type());
  if (!element)
    refuse(fmt::format("has the element type {}, which is not supported", type_name(type.elem_type())));
  const auto& dims = type.shape().dim();
  if (dims.size() > Shape::kMaxRank) refuse(fmt::format("has {} dimensions", dims.size()));
  const Shape* given = given_shape(input.name());
  const auto refuse_given = [&](const std::string& what) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: {}; the shape given is {}", file(), what, given->to_string()));
  };
  // A shape that is given is one of a sample: without the batch, which is 1 here, or with it.
  const int without = given && given->rank() + 1 == dims.size() ? 1 : 0;
  if (given && given->rank() + without != dims.size())
    refuse_given(fmt::format("samples of the input '{}' have {} dimensions, or {} with the batch",
                             input.name(), dims.size() - 1, dims.size()));
  std::vector<std::int64_t> sizes;
  for (int i = 0; i < dims.size(); ++i) {
    const bool is_fixed = dims[i].has_dim_value();
    std::int64_t size = is_fixed ? dims[i].dim_value() : i == 0 ? 1 : -1;
    if (const std::optional<std::int64_t> open = open_.find(input, i)) {
      size = *open;
    } else if (given && i >= without) {
      const std::int64_t wanted = (*given)[i - without];
      if (is_fixed && wanted != size)
        refuse_given(fmt::format("dimension {} of the input '{}' is {} in the file", i, input.name(), size));
      size = wanted;
    }
    if (size < 0)
      refuse(fmt::format("has no fixed size in dimension {}{}; give the shape of a sample", i,
                         dims[i].has_dim_param() ? " ('" + dims[i].dim_param() + "')" : ""));
    sizes.push_back(size);
  }
  constexpr double kMostElements = 268435456.0;
  double elements = 1;
  for (const std::int64_t size : sizes) elements *= static_cast<double>(size);
  if (elements > kMostElements) refuse("has more than 2^28 elements in a sample");
  const ValueId id = graph_.add_value(input.name(), Shape(sizes));
  graph_.values.back().element = *element;
  graph_.inputs.push_back(id);
  define(input.name(), id);
}

void Importer::add_outputs() {
  for (const auto& output : model_.graph().output()) {
    const Entry* entry = find(output.name());
    if (!entry && is_side_output(output.name()))
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: the output '{}' is a further output of its node", file(), output.name()));
    if (!entry)
      throw Error(ErrorCode::corrupt_file,
                  fmt::format("{}: nothing computes the output '{}'", file(), output.name()));
    const ValueId* id = std::get_if<ValueId>(entry);
    if (is_whole_ && (!id || graph_.producer(*id) < 0 || graph_.is_output(*id))) {
      graph_.outputs.push_back(copy_whole(*this, output.name()));
      continue;
    }
    if (!id)
      throw Error(ErrorCode::unsupported,
                  fmt::format("{}: the output '{}' is a constant", file(), output.name()));
    if (graph_.producer(*id) < 0)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("{}: the output '{}' is an input of the model, unchanged", file(), output.name()));
    if (batch_axis(*id) != 0)
      throw Error(
          ErrorCode::unsupported,
          fmt::format("{}: the batch is not the first dimension of the output '{}'", file(), output.name()));
    // An Identity or Dropout at the end is no node, but its name is the one that users know.
    if (!graph_.is_output(*id)) {
      std::string& name = graph_.values[static_cast<std::size_t>(*id)].name;
      codes_.rename_value(name, output.name());
      name = output.name();
    }
    graph_.outputs.push_back(*id);
  }
  if (graph_.outputs.empty()) throw Error(ErrorCode::unsupported, fmt::format("{} has no outputs", file()));
}

const Importer::Entry* Importer::find(const std::string& name) {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
    if (const auto entry = scope->find(name); entry != scope->end()) return &entry->second;
  const auto initializer = initializers_.find(name);
  if (initializer == initializers_.end()) return nullptr;
  auto constant = std::make_shared<const Constant>(read(*initializer->second));
  return &scopes_[0].emplace(name, std::move(constant)).first->second;
}

int Importer::batch_axis(ValueId value) const {
  const auto at = batch_axes_.find(value);
  return at == batch_axes_.end() ? 0 : at->second;
}

void Importer::define(const std::string& name, Entry entry) {
  if (initializers_.contains(name) || !scopes_.back().emplace(name, std::move(entry)).second)
    throw Error(ErrorCode::corrupt_file, fmt::format("{}: '{}' is computed twice", file(), name));
}

std::string Importer::unique_node_name(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; !node_names_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

}  // namespace lowbit::onnx_import
