// What a file may say of operators: attributes that ONNX has for them, operator sets that exist. A misspelt
// attribute would otherwise be another network than the one that was meant.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

namespace lowbit::onnx_import {

/// Throws Error(corrupt_file) naming an attribute that the node's operator has in no version of ONNX, or that
/// has no type in a file of IR version 2 and later. Operators that lowbit does not have pass.
void check_attributes(const onnx::NodeProto& node, std::int64_t ir_version, const std::string& file);

/// Throws Error(corrupt_file) for a version below 1, Error(unsupported) for one later than lowbit knows.
void check_opset(std::int64_t version, const std::string& file);

}  // namespace lowbit::onnx_import
