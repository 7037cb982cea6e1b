// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/inline_functions.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "io/onnx/model_proto.h"
#include "io/onnx/operator_forms.h"
#include "io/onnx/renaming.h"
#include "lowbit/core/error.h"

namespace lowbit::onnx_import {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

constexpr std::size_t kMostDepth = 64;  // of functions that call functions
constexpr int kMostNodes = 200'000;     // that stand in the place of calls

// Fields that came to the format later than ONNX 1.12; its messages keep them as bytes.
constexpr int kNodeOverload = 8, kFunctionDefaults = 11, kFunctionOverload = 13;

/// The values of a field that holds bytes.
std::vector<std::string> field_values(const google::protobuf::MessageLite& message, int field) {
  using Wire = google::protobuf::internal::WireFormatLite;
  const std::string bytes = message.SerializeAsString();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  std::vector<std::string> values;
  while (const std::uint32_t tag = in.ReadTag()) {
    std::uint32_t size = 0;
    if (Wire::GetTagFieldNumber(tag) == field &&
        Wire::GetTagWireType(tag) == Wire::WIRETYPE_LENGTH_DELIMITED) {
      if (!in.ReadVarint32(&size) || !in.ReadString(&values.emplace_back(), static_cast<int>(size))) break;
    } else if (!Wire::SkipField(&in, tag)) {
      break;
    }
  }
  return values;
}

std::string overload_of(const google::protobuf::MessageLite& message, int field) {
  const std::vector<std::string> values = field_values(message, field);
  return values.empty() ? std::string() : values.back();
}

std::string_view domain_of(const std::string& domain) {
  return is_onnx_domain(domain) ? std::string_view() : domain;
}

struct LocalFunction {
  const onnx::FunctionProto* proto = nullptr;
  std::string overload;
  std::vector<onnx::AttributeProto> defaults;
  std::int64_t opset = 0;  ///< 0: it names none
};

const onnx::AttributeProto* attribute_of(const auto& attributes, const std::string& name) {
  const auto at = std::find_if(attributes.begin(), attributes.end(),
                               [&](const onnx::AttributeProto& a) { return a.name() == name; });
  return at == attributes.end() ? nullptr : &*at;
}

class Inliner {
 public:
  Inliner(onnx::ModelProto& model, const std::string& file) : model_(model), file_(file) {
    for (const auto& proto : model.functions()) add_function(proto);
  }

  NodeOpsets run() {
    expand(*model_.mutable_graph());
    return std::move(opsets_);
  }

 private:
  void add_function(const onnx::FunctionProto& proto) {
    LocalFunction f{&proto, overload_of(proto, kFunctionOverload), {}, 0};
    for (const std::string& bytes : field_values(proto, kFunctionDefaults))
      if (!f.defaults.emplace_back().ParseFromString(bytes))
        throw Error(ErrorCode::corrupt_file,
                    fmt::format("{}: the function '{}' has an attribute that is none", file_, proto.name()));
    for (const auto& opset : proto.opset_import())
      if (is_onnx_domain(opset.domain())) f.opset = opset.version();
    if (f.opset != 0) require_known_opset(f.opset, fmt::format("{}: the function '{}'", file_, proto.name()));
    auto& same = functions_[{std::string(domain_of(proto.domain())), proto.name()}];
    for (const LocalFunction& other : same)
      if (other.overload == f.overload)
        throw Error(ErrorCode::corrupt_file,
                    fmt::format("{} defines the function '{}' twice", file_, proto.name()));
    same.push_back(std::move(f));
  }

  const LocalFunction* find(const onnx::NodeProto& node) const {
    const auto same = functions_.find({std::string(domain_of(node.domain())), node.op_type()});
    if (same == functions_.end()) return nullptr;
    const std::string overload = overload_of(node, kNodeOverload);
    for (const LocalFunction& f : same->second)
      if (f.overload == overload) return &f;
    return nullptr;
  }

  [[noreturn]] void complain(const onnx::NodeProto& call, const std::string& what,
                             ErrorCode code = ErrorCode::corrupt_file) const {
    throw Error(code, fmt::format("{}: node '{}' ({}) {}", file_, call.name(), call.op_type(), what));
  }

  void expand(onnx::GraphProto& graph) {
    Nodes nodes;
    nodes.Swap(graph.mutable_node());
    for (auto& node : nodes) add(std::move(node), *graph.mutable_node());
  }

  void add(onnx::NodeProto&& node, Nodes& to) {
    if (const LocalFunction* function = find(node)) return add_body(node, *function, to);
    if (!active_.empty() && ++added_ > kMostNodes)
      complain(node, fmt::format("is one of more than {} nodes of functions", kMostNodes),
               ErrorCode::unsupported);
    if (const std::string name = first_output(node); opset_ != 0 && !name.empty()) opsets_[name] = opset_;
    for (auto& attribute : *node.mutable_attribute())
      if (attribute.has_g()) expand(*attribute.mutable_g());
    *to.Add() = std::move(node);
  }

  void add_body(const onnx::NodeProto& call, const LocalFunction& function, Nodes& to) {
    check(call, function);
    Renaming renaming = names(call, *function.proto);
    active_.push_back(&function);
    const std::int64_t outer = std::exchange(opset_, function.opset ? function.opset : opset_);
    for (const auto& proto : function.proto->node()) {
      onnx::NodeProto node = proto;
      if (node.name().empty()) node.set_name(node.op_type());
      renaming.rename(node);
      set_attributes(node, call, function);
      add(std::move(node), to);
    }
    opset_ = outer;
    active_.pop_back();
    add_copies(call, *function.proto, to);
  }

  void check(const onnx::NodeProto& call, const LocalFunction& function) const {
    const onnx::FunctionProto& proto = *function.proto;
    if (std::ranges::find(active_, &function) != active_.end())
      complain(call, "is a function that calls itself", ErrorCode::unsupported);
    if (active_.size() >= kMostDepth)
      complain(call, fmt::format("is a call inside of {} others", kMostDepth), ErrorCode::unsupported);
    if (call.input_size() > proto.input_size() || call.output_size() > proto.output_size())
      complain(call,
               fmt::format("has {} inputs and {} outputs; its function has {} and {}", call.input_size(),
                           call.output_size(), proto.input_size(), proto.output_size()));
    for (const auto& attribute : call.attribute()) {
      const auto& plain = proto.attribute();
      if (!attribute.ref_attr_name().empty())
        complain(call, fmt::format("takes its attribute '{}' from a function", attribute.name()),
                 ErrorCode::unsupported);
      if (std::find(plain.begin(), plain.end(), attribute.name()) == plain.end() &&
          !attribute_of(function.defaults, attribute.name()))
        complain(call,
                 fmt::format("has the attribute '{}', which its function does not have", attribute.name()));
    }
  }

  /// Whether a result is one of the inputs, or one of the results before it: no node gives it this name.
  static bool is_copy(const onnx::FunctionProto& proto, int output) {
    const auto& inputs = proto.input();
    const auto& outputs = proto.output();
    return std::find(inputs.begin(), inputs.end(), outputs[output]) != inputs.end() ||
           std::find(outputs.begin(), outputs.begin() + output, outputs[output]) != outputs.begin() + output;
  }

  Renaming names(const onnx::NodeProto& call, const onnx::FunctionProto& proto) {
    const std::string wanted = call.name().empty() ? call.op_type() : call.name();
    std::string prefix = wanted + "/";
    for (int i = 2; !prefixes_.insert(prefix).second; ++i) prefix = fmt::format("{}_{}/", wanted, i);
    Renaming renaming(prefix, Renaming::Others::inside);
    for (int i = 0; i < proto.input_size(); ++i)
      renaming.set(proto.input(i), i < call.input_size() ? call.input(i) : "");
    for (int i = 0; i < call.output_size(); ++i)
      if (!call.output(i).empty() && !is_copy(proto, i)) renaming.set(proto.output(i), call.output(i));
    return renaming;
  }

  /// Attributes that are those of the call, or else have a default, or else are left out.
  void set_attributes(onnx::NodeProto& node, const onnx::NodeProto& call,
                      const LocalFunction& function) const {
    google::protobuf::RepeatedPtrField<onnx::AttributeProto> all;
    all.Swap(node.mutable_attribute());
    for (auto& attribute : all) {
      if (attribute.has_g())
        for (auto& inner : *attribute.mutable_g()->mutable_node()) set_attributes(inner, call, function);
      if (attribute.ref_attr_name().empty()) {
        *node.add_attribute() = std::move(attribute);
        continue;
      }
      const onnx::AttributeProto* value = attribute_of(call.attribute(), attribute.ref_attr_name());
      if (!value) value = attribute_of(function.defaults, attribute.ref_attr_name());
      if (!value) continue;
      if (attribute.type() != onnx::AttributeProto::UNDEFINED && attribute.type() != value->type())
        complain(call, fmt::format("has the attribute '{}' in another type than its function takes it",
                                   value->name()));
      auto& set = *node.add_attribute() = *value;
      set.set_name(attribute.name());
    }
  }

  void add_copies(const onnx::NodeProto& call, const onnx::FunctionProto& proto, Nodes& to) {
    for (int i = 0; i < call.output_size(); ++i) {
      if (call.output(i).empty() || !is_copy(proto, i)) continue;
      onnx::NodeProto& copy = *to.Add();
      copy.set_op_type("Identity");
      copy.set_name(fmt::format("{}/{}", call.name(), proto.output(i)));
      copy.add_output(call.output(i));
      copy.add_input(source_of(call, proto, i));
    }
  }

  /// What a result that is a copy is a copy of.
  std::string source_of(const onnx::NodeProto& call, const onnx::FunctionProto& proto, int output) const {
    const std::string& name = proto.output(output);
    for (int i = 0; i < proto.input_size(); ++i)
      if (proto.input(i) == name && i < call.input_size() && !call.input(i).empty()) return call.input(i);
    for (int i = 0; i < output; ++i)
      if (proto.output(i) == name && !call.output(i).empty()) return call.output(i);
    complain(call, fmt::format("leaves out '{}', which its output {} is", name, output));
  }

  onnx::ModelProto& model_;
  const std::string& file_;
  std::map<std::pair<std::string, std::string>, std::vector<LocalFunction>>
      functions_;  ///< by domain and name
  std::vector<const LocalFunction*> active_;
  std::set<std::string> prefixes_;
  std::int64_t opset_ = 0;  ///< of the function that is expanded; 0: that of the file
  int added_ = 0;
  NodeOpsets opsets_;
};

}  // namespace

std::string first_output(const onnx::NodeProto& node) {
  for (const std::string& name : node.output())
    if (!name.empty()) return name;
  return {};
}

std::int64_t opset_of(const onnx::NodeProto& node, const NodeOpsets& opsets, std::int64_t around) {
  if (opsets.empty()) return around;
  const auto own = opsets.find(first_output(node));
  return own == opsets.end() ? around : own->second;
}

NodeOpsets inline_functions(onnx::ModelProto& model, const std::string& file) {
  if (model.functions_size() == 0) return {};
  NodeOpsets opsets = Inliner(model, file).run();
  model.clear_functions();
  return opsets;
}

}  // namespace lowbit::onnx_import
