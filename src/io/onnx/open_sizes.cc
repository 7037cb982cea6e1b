// SPDX-License-Identifier: Apache-2.0
#include "io/onnx/open_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/refuse.h"

namespace lowbit::onnx_import {
namespace {

std::string trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace

OpenSizes::OpenSizes(std::span<const OpenDimension> dimensions, std::span<const std::int64_t> sizes)
    : sizes_(sizes.begin(), sizes.end()), found_(sizes.size(), false), skipped_(sizes.size(), false) {
  for (const OpenDimension& d : dimensions) names_.push_back(d.name);
}

std::optional<std::size_t> OpenSizes::dimension(const std::string& name) const {
  const auto at = std::find(names_.begin(), names_.end(), name);
  if (at == names_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - names_.begin());
}

std::optional<std::int64_t> OpenSizes::sum(const std::string& text, std::vector<bool>& met) const {
  std::int64_t total = 0;
  std::vector<std::size_t> terms;
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t end = std::min(text.find('+', first), text.size());
    const std::string term = trimmed(std::string_view(text).substr(first, end - first));
    std::int32_t number = 0;
    const auto parsed = std::from_chars(term.data(), term.data() + term.size(), number);
    if (const auto d = dimension(term)) {
      total += sizes_[*d];
      terms.push_back(*d);
    } else if (!term.empty() && parsed.ec == std::errc() && parsed.ptr == term.data() + term.size()) {
      total += number;
    } else {
      return std::nullopt;
    }
    first = end + 1;
  }
  for (const std::size_t d : terms) met[d] = true;
  return terms.empty() ? std::nullopt : std::optional(total);
}

std::optional<std::int64_t> OpenSizes::look_up(const onnx::ValueInfoProto& input, int axis,
                                               std::vector<bool>& met) const {
  if (names_.empty()) return std::nullopt;
  const auto& dim = input.type().tensor_type().shape().dim(axis);
  if (const auto d = dimension(fmt::format("{}[{}]", input.name(), axis))) {
    if (dim.has_dim_value())
      refuse(fmt::format("'{}' cannot be open: it is {} in the file", names_[*d], dim.dim_value()));
    met[*d] = true;
    return sizes_[*d];
  }
  if (!dim.has_dim_param()) return std::nullopt;
  if (const auto d = dimension(dim.dim_param())) {
    met[*d] = true;
    return sizes_[*d];
  }
  return sum(dim.dim_param(), met);
}

std::optional<std::int64_t> OpenSizes::find(const onnx::ValueInfoProto& input, int axis) {
  return look_up(input, axis, found_);
}

void OpenSizes::skip(const onnx::ValueInfoProto& input, int axis) {
  look_up(input, axis, skipped_);
}

}  // namespace lowbit::onnx_import
