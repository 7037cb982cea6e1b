// Reading an ONNX file as bytes, and the parts of its path that importing needs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace lowbit::onnx_import {

/// Throws Error(not_found), Error(io), or Error(unsupported) above 2 GiB, which Protobuf cannot parse.
std::vector<std::byte> read_file(const std::string& path);
std::string folder_of(const std::string& path);
std::string name_of(const std::string& path);

}  // namespace lowbit::onnx_import
