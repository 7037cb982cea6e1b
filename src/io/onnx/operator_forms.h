// SPDX-License-Identifier: Apache-2.0
// What a file may say of operators: inputs, outputs and attributes that ONNX has for them in the operator set
// of the file. A misspelt attribute or a further input would otherwise be another network than the one that
// was meant.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "io/onnx/inline_functions.h"

namespace lowbit::onnx_import {

struct FileVersions {
  std::int64_t opset = 1, ir = 1;  ///< of the operator set and of the format
};

/// Throws Error(corrupt_file) for a node that is not in the form of its operator (the number of its inputs
/// and outputs, the names and types of its attributes, those that it must have), and for a name that is given
/// twice. Operators that lowbit does not have pass. Graphs inside of the graph are checked, too.
void check_graph(const onnx::GraphProto& graph, const FileVersions& versions, const NodeOpsets& opsets,
                 const std::string& file);

/// Of an attribute of the operator in that set; UNDEFINED where it has none of that name.
onnx::AttributeProto::AttributeType attribute_type(std::string_view op_type, std::int64_t opset,
                                                   std::string_view name);
/// Whether what the operator takes is the same in both sets.
bool is_same_form(std::string_view op_type, std::int64_t a, std::int64_t b);

/// The operator set. Throws Error(corrupt_file) where the file names none or two, or one that does not exist,
/// Error(unsupported) for one later than lowbit knows.
std::int64_t opset_of(const onnx::ModelProto& model, const std::string& file);
/// Throws so where `version` is none that lowbit knows; `asker` asks for it.
void require_known_opset(std::int64_t version, const std::string& asker);

}  // namespace lowbit::onnx_import
