// SPDX-License-Identifier: Apache-2.0
// Functions that a file defines itself (ModelProto.functions), as exporters write them for layers: each node
// that calls one is replaced by the nodes of the function.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <string>

namespace lowbit::onnx_import {

/// The operator sets of nodes by their first result, where they are not those of what is around them.
using NodeOpsets = std::map<std::string, std::int64_t>;

/// The name of the first result that a node has, which no other node has; empty: it has none.
std::string first_output(const onnx::NodeProto& node);

/// The operator set of `node`, which stands among nodes of the set `around`.
std::int64_t opset_of(const onnx::NodeProto& node, const NodeOpsets& opsets, std::int64_t around);

/// Expands all calls, in graphs inside of the graph as well, and drops the functions. Throws
/// Error(corrupt_file) for calls that do not go with their function, Error(unsupported) where they would make
/// a network too large or too deep, or where a function calls itself.
NodeOpsets inline_functions(onnx::ModelProto& model, const std::string& file);

}  // namespace lowbit::onnx_import
