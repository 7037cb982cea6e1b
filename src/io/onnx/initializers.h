// SPDX-License-Identifier: Apache-2.0
// Reads TensorProto: typed or raw data of the element types that occur in float models, or external data from
// a file inside the model's folder. Sizes are checked against what is there before anything is allocated.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "io/onnx/constant.h"
#include "io/onnx/outline.h"

namespace lowbit::onnx_import {

/// Where the contents of tensors lie.
struct TensorFiles {
  const ByteSource& source;         ///< the ONNX file
  std::vector<Payload> payloads{};  ///< in it, in the place of raw_data
  std::string name{};               ///< of the ONNX file, for messages
  std::string folder{};             ///< where external data may lie; empty: nowhere
};

/// A tensor of an outline. Floats in raw or external data are not read yet; `files` must outlive the result.
/// Throws Error(unsupported) for an element type that lowbit does not read, Error(corrupt_file) when sizes do
/// not fit the data.
Constant read_tensor(const onnx::TensorProto& tensor, const TensorFiles& files);

struct ExternalData {
  std::string path;
  std::uint64_t offset = 0;
};
/// Where an external tensor of `bytes` bytes lies. Refuses absolute paths, "..", links that lead out of
/// `folder`, and ranges outside of the file.
ExternalData find_external_data(const onnx::TensorProto& tensor, std::uint64_t bytes, const std::string& file,
                                const std::string& folder);

}  // namespace lowbit::onnx_import
