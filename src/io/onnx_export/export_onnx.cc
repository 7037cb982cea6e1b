// SPDX-License-Identifier: Apache-2.0
#include "lowbit/io/onnx/export.h"

#include <fmt/format.h>

#include <limits>

#include "core/file_io.h"
#include "io/onnx_export/graph_writer.h"
#include "lowbit/core/error.h"

namespace lowbit {

std::vector<std::byte> export_onnx_to_bytes(const Model& model, const OnnxExportOptions& options) {
  const onnx::ModelProto proto = onnx_export::GraphWriter(model, options).write();
  const std::size_t size = proto.ByteSizeLong();
  if (size > std::numeric_limits<std::int32_t>::max())
    throw Error(ErrorCode::unsupported,
                fmt::format("the model takes {} bytes; a file of ONNX has 2147483647 at most", size));
  std::vector<std::byte> bytes(size);
  if (!proto.SerializeToArray(bytes.data(), static_cast<int>(size)))
    throw Error(ErrorCode::io, "Protobuf could not write the model");
  return bytes;
}

void export_onnx(const Model& model, const std::string& path, const OnnxExportOptions& options) {
  write_file(path, export_onnx_to_bytes(model, options));
}

}  // namespace lowbit
