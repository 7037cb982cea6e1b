// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/renaming.h"

namespace lowbit::onnx_import {

void Renaming::define_all(const onnx::GraphProto& graph) {
  for (const auto& tensor : graph.initializer()) defined_.insert(tensor.name());
  for (const auto& node : graph.node()) {
    for (const std::string& name : node.output()) defined_.insert(name);
    for (const auto& attribute : node.attribute()) {
      if (!attribute.has_g()) continue;
      for (const auto& input : attribute.g().input()) defined_.insert(input.name());
      define_all(attribute.g());
    }
  }
}

std::string Renaming::operator()(const std::string& inner) const {
  if (inner.empty()) return inner;
  if (const auto outer = given_.find(inner); outer != given_.end()) return outer->second;
  return others_ == Others::inside || defined_.contains(inner) ? prefix_ + inner : inner;
}

void Renaming::rename(onnx::NodeProto& node) const {
  if (!node.name().empty()) node.set_name(prefix_ + node.name());
  for (std::string& name : *node.mutable_input()) name = (*this)(name);
  for (std::string& name : *node.mutable_output()) name = (*this)(name);
  for (auto& attribute : *node.mutable_attribute())
    if (attribute.has_g()) rename(*attribute.mutable_g());
}

void Renaming::rename(onnx::GraphProto& graph) const {
  for (auto& tensor : *graph.mutable_initializer()) tensor.set_name((*this)(tensor.name()));
  for (auto& input : *graph.mutable_input()) input.set_name((*this)(input.name()));
  for (auto& output : *graph.mutable_output()) output.set_name((*this)(output.name()));
  for (auto& node : *graph.mutable_node()) rename(node);
}

}  // namespace lowbit::onnx_import
