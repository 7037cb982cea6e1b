#include "lowbit/onnx/load.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <filesystem>
#include <limits>

#include "core/file_io.h"
#include "lowbit/core/error.h"
#include "onnx/importer.h"
#include "onnx/paths.h"

namespace lowbit {

namespace onnx_import {

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string name_of(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

Graph import_model(std::span<const std::byte> bytes, const std::string& file, const std::string& folder) {
  const Error broken(ErrorCode::corrupt_file, fmt::format("{} is not an ONNX file or is truncated", file));
  if (bytes.empty() || bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) throw broken;
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetTotalBytesLimit(std::numeric_limits<int>::max());
  onnx::ModelProto model;
  if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) throw broken;
  if (!model.has_graph() || model.graph().node_size() == 0) throw broken;
  return Importer(model, file, folder).run();
}

}  // namespace onnx_import

Graph import_onnx(const std::string& path) {
  return onnx_import::import_model(read_file(path), onnx_import::name_of(path), onnx_import::folder_of(path));
}

}  // namespace lowbit
