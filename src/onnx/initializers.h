// Reads TensorProto: typed or raw data of the element types that occur in float models, or external data from
// a file inside the model's folder. Sizes are checked against what is there before anything is allocated.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <string_view>

#include "onnx/constant.h"

namespace lowbit::onnx_import {

/// `folder` is where external data may lie; empty: nowhere. Throws Error(unsupported) for an element type
/// that lowbit does not read, Error(corrupt_file) when sizes do not fit the data.
Constant read_tensor(const onnx::TensorProto& tensor, const std::string& file, const std::string& folder);

/// The bytes of an external tensor, exactly `bytes` of them. Refuses absolute paths, "..", links that lead
/// out of `folder`, and ranges outside of the file.
std::string read_external_data(const onnx::TensorProto& tensor, std::uint64_t bytes, const std::string& file,
                               const std::string& folder);

}  // namespace lowbit::onnx_import
