// SPDX-License-Identifier: Apache-2.0
// Reading an ONNX file into its message, without the contents of its tensors.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "core/byte_source.h"
#include "io/onnx/inline_functions.h"
#include "io/onnx/outline.h"

namespace lowbit::onnx_import {

struct ModelFile {
  onnx::ModelProto model;  ///< without functions: in their places is what they do
  NodeOpsets opsets;       ///< of nodes that came from a function
  std::vector<Payload> payloads;
};

/// `name` is the file's, for messages. Throws Error(corrupt_file) for what is not an ONNX file.
ModelFile read_model(const ByteSource& source, const std::string& name);

inline bool is_onnx_domain(const std::string& domain) {
  return domain.empty() || domain == "ai.onnx";
}
/// Of ONNX, or of com.microsoft what the exporters of quantized language models write.
inline bool is_known_domain(const onnx::NodeProto& node) {
  return is_onnx_domain(node.domain()) ||
         (node.domain() == "com.microsoft" && node.op_type() == "MatMulNBits");
}

}  // namespace lowbit::onnx_import
