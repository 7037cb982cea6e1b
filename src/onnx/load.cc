#include "lowbit/onnx/load.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <filesystem>
#include <fstream>
#include <limits>

#include "lowbit/core/error.h"
#include "onnx/importer.h"
#include "onnx/read_file.h"

namespace lowbit {

namespace onnx_import {

std::vector<std::byte> read_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    throw Error(ErrorCode::not_found, fmt::format("the file '{}' does not exist", path));
  if (!std::filesystem::is_regular_file(path, error))
    throw Error(ErrorCode::io, fmt::format("'{}' is no regular file", path));
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw Error(ErrorCode::io, fmt::format("the size of '{}' cannot be found", path));
  if (size > static_cast<std::uintmax_t>(std::numeric_limits<int>::max()))
    throw Error(ErrorCode::unsupported,
                fmt::format("'{}' has more than the 2 GiB that an ONNX file may have", path));
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    throw Error(ErrorCode::io, fmt::format("the file '{}' cannot be read", path));
  return bytes;
}

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
  return onnx_import::import_model(onnx_import::read_file(path), onnx_import::name_of(path),
                                   onnx_import::folder_of(path));
}

}  // namespace lowbit
