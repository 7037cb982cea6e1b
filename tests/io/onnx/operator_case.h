// SPDX-License-Identifier: Apache-2.0
// The data of ONNX's own tests of its operators: tensors in files, and how near a result must come.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>

#include "lowbit/core/array.h"

namespace lowbit::testing {

/// Throws Error(unsupported) for an element type that arrays have not.
arrays::Array read_array(const onnx::TensorProto& tensor);
arrays::Array read_array(const std::filesystem::path& file);
/// As the standard's own runner compares.
bool is_close(const arrays::Array& got, const arrays::Array& want);

}  // namespace lowbit::testing
