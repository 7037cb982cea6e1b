// SPDX-License-Identifier: Apache-2.0
// Types of safetensors files and their sizes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lowbit/core/element_type.h"
#include "lowbit/io/safetensors/safetensors_file.h"

namespace lowbit::detail {

struct SafetensorsTypeRow {
  std::string_view name;
  int bits;
  std::optional<ElementType> element;  ///< what cast.h calls it
};

const SafetensorsTypeRow& safetensors_type_row(SafetensorsType type);
std::optional<SafetensorsType> find_safetensors_type(std::string_view name);

/// Nothing where dimensions or their product are more than 2^60, or the last byte is not full.
std::optional<std::uint64_t> safetensors_bytes(SafetensorsType type, std::span<const std::int64_t> shape);

}  // namespace lowbit::detail
