// SPDX-License-Identifier: Apache-2.0
// What files of tensors alone, GGUF and safetensors, hold: for `lowbit info`.
#pragma once

#include <string>

namespace lowbit::report {

/// Whether the file is one of those, by its first bytes or, of safetensors, its name. Throws as read_prefix.
bool is_tensor_file(const std::string& path);
/// Metadata, and the tensors with types, shapes and bytes, as tables. Throws as GgufFile and SafetensorsFile.
std::string describe_tensor_file(const std::string& path, bool colour);
/// The same as JSON.
std::string tensor_file_json(const std::string& path);

}  // namespace lowbit::report
