// SPDX-License-Identifier: Apache-2.0
// The structure of an ONNX file without the contents of its tensors. Protobuf would copy every `raw_data`
// into memory, and those are nearly all of a file: the outline is the same message with the number of a
// payload in the place of each, and a list that says where in the file the payloads lie.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/byte_source.h"

namespace lowbit::onnx_import {

struct Payload {
  std::uint64_t offset = 0, bytes = 0;
};

struct Outline {
  std::string model;  ///< a serialized ModelProto
  std::vector<Payload> payloads;
};

/// Replaces the raw_data of the initializers and of the tensors in attributes of the main graph and of
/// functions, and no other. False when the bytes are no protocol buffer; what else is wrong with them is
/// Protobuf's to find.
bool make_outline(const ByteSource& file, Outline& outline);

/// The payload whose number stands in the place of raw_data. Null for anything else.
const Payload* find_payload(const std::vector<Payload>& payloads, const std::string& raw_data);

}  // namespace lowbit::onnx_import
