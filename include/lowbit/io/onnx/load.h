// load_onnx: imports an ONNX file as an fp32 model. Part of the optional component lowbit::onnx
// (find_package(lowbit COMPONENTS onnx)); no Protobuf type appears here.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lowbit/model/model.h"

namespace lowbit {

/// The supported operators are listed in the README. BatchNormalization is folded, activations are fused. A
/// batch dimension fixed in the file does not bind. External data is read only from inside the model's
/// folder. Throws Error(not_found), Error(corrupt_file), Error(shape_mismatch), or Error(unsupported) whose
/// sentence lists every unsupported operator of the file with its count.
Model load_onnx(const std::string& path);
/// From memory; external data is refused unless `folder` is given.
Model load_onnx(std::span<const std::byte> bytes, const std::string& name = "model",
                const std::string& folder = {});
/// The graph as imported, before fusion.
Graph import_onnx(const std::string& path);

}  // namespace lowbit
