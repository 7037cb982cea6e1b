// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "io/onnx/node_context.h"

namespace lowbit::onnx_import {

namespace {

/// Files of IR version 1 may leave the type out.
void require_type(const NodeContext& node, const onnx::AttributeProto& a,
                  onnx::AttributeProto::AttributeType type) {
  if (a.type() != type && a.type() != onnx::AttributeProto::UNDEFINED)
    node.reject(fmt::format("has the attribute '{}' in another type than {}", a.name(),
                            onnx::AttributeProto::AttributeType_Name(type)));
}

}  // namespace

const onnx::AttributeProto* NodeContext::find_attribute(std::string_view name) const {
  for (const auto& a : node_.attribute())
    if (a.name() == name) return &a;
  return nullptr;
}

std::int64_t NodeContext::int_attribute(std::string_view name, std::int64_t otherwise) const {
  const auto* a = find_attribute(name);
  if (!a) return otherwise;
  require_type(*this, *a, onnx::AttributeProto::INT);
  return a->i();
}

float NodeContext::float_attribute(std::string_view name, float otherwise) const {
  const auto* a = find_attribute(name);
  if (!a) return otherwise;
  require_type(*this, *a, onnx::AttributeProto::FLOAT);
  return a->f();
}

std::string NodeContext::string_attribute(std::string_view name, std::string otherwise) const {
  const auto* a = find_attribute(name);
  if (!a) return otherwise;
  require_type(*this, *a, onnx::AttributeProto::STRING);
  return a->s();
}

std::vector<std::int64_t> NodeContext::ints_attribute(std::string_view name,
                                                      std::vector<std::int64_t> otherwise) const {
  const auto* a = find_attribute(name);
  if (!a) return otherwise;
  require_type(*this, *a, onnx::AttributeProto::INTS);
  return {a->ints().begin(), a->ints().end()};
}

}  // namespace lowbit::onnx_import
