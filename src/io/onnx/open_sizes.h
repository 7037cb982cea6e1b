// SPDX-License-Identifier: Apache-2.0
// Sizes of open dimensions while a file is imported at them.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lowbit/model/open_shapes.h"

namespace lowbit::onnx_import {

class OpenSizes {
 public:
  OpenSizes() = default;
  OpenSizes(std::span<const OpenDimension> dimensions, std::span<const std::int64_t> sizes);

  /// The size of a dimension of an input that is open: by the name that the file gives it, a sum of such
  /// names and numbers ("past + sequence") among them, or by its place, "x[3]". Throws
  /// Error(invalid_argument) where the file fixes one that is named by its place.
  std::optional<std::int64_t> find(const onnx::ValueInfoProto& input, int axis);
  /// The same of a dimension that is the batch, which is open in any case.
  void skip(const onnx::ValueInfoProto& input, int axis);

  /// One a dimension: whether find() or skip() met it.
  const std::vector<bool>& found() const { return found_; }
  const std::vector<bool>& skipped() const { return skipped_; }

 private:
  std::optional<std::size_t> dimension(const std::string& name) const;
  std::optional<std::int64_t> sum(const std::string& text, std::vector<bool>& met) const;
  std::optional<std::int64_t> look_up(const onnx::ValueInfoProto& input, int axis,
                                      std::vector<bool>& met) const;

  std::vector<std::string> names_{};
  std::vector<std::int64_t> sizes_{};
  std::vector<bool> found_{}, skipped_{};
};

}  // namespace lowbit::onnx_import
