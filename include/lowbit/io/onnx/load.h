// SPDX-License-Identifier: Apache-2.0
// load_onnx: imports an ONNX file as an fp32 model. Part of the optional component lowbit::onnx
// (find_package(lowbit COMPONENTS onnx)); no Protobuf type appears here.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/model.h"

namespace lowbit {

struct OnnxOptions {
  /// {input, shape of a sample} for inputs with dimensions that the file leaves open: {"x", {3, 48, 320}} for
  /// N x 3 x 48 x W. The name may be empty where the model has one input.
  std::vector<std::pair<std::string, Shape>> shapes{};
  /// Dimensions that stay open until the model runs, with their limits: {"sequence", 1, 512} for one that the
  /// file calls so, {"x[3]", 32, 640} for dimension 3 (from 0) of the input x. The file is imported at
  /// several sizes, and what differs must follow rules.
  std::vector<OpenDimension> open{};
  /// {input, its elements}: inputs that are always the same, as a sampling rate, become constants. Branches
  /// of an If that depend on nothing else are decided then, and what has to be known of shapes is. Whole
  /// floats may stand for integers, and elements in a row for a tensor of as many.
  std::vector<std::pair<std::string, arrays::Array>> constants{};
};

/// The supported operators are listed in the README. BatchNormalization is folded, activations are fused. A
/// batch dimension fixed in the file does not bind. External data is read only from inside the model's
/// folder. Throws Error(not_found), Error(corrupt_file), Error(shape_mismatch), or Error(unsupported) whose
/// sentence lists every unsupported operator of the file with its count, or names the node that follows no
/// rule of open dimensions; Error(invalid_argument) for shapes and dimensions of `options` that the file does
/// not have.
LOWBIT_ONNX_CALL Model load_onnx(const std::string& path, const OnnxOptions& options = {});
/// From memory; external data is refused unless `folder` is given.
LOWBIT_ONNX_CALL Model load_onnx(std::span<const std::byte> bytes, const std::string& name = "model",
                                 const std::string& folder = {}, const OnnxOptions& options = {});
/// The graph as imported, before fusion, with open dimensions at their highest sizes.
LOWBIT_ONNX_CALL Graph import_onnx(const std::string& path, const OnnxOptions& options = {});

}  // namespace lowbit
