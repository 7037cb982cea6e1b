// SPDX-License-Identifier: Apache-2.0
// The JSON text at the start of a safetensors file.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lowbit/io/safetensors/safetensors_file.h"

namespace lowbit::detail {

inline constexpr std::string_view kMetadataKey = "__metadata__";

struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;  ///< as they are listed; offsets from the start of the data
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// `file` stands in sentences. Throws Error(corrupt_file) for text that is no header, Error(unsupported) for
/// a type that is not known. Takes memory in proportion to the text, however it is nested.
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file);

}  // namespace lowbit::detail
