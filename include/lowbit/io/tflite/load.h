// SPDX-License-Identifier: Apache-2.0
// load_tflite: imports a TensorFlow Lite file, in floats or quantized. Part of the optional component
// lowbit::onnx, where that was built with FlatBuffers (LOWBIT_TFLITE).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "lowbit/core/config.h"
#include "lowbit/model/model.h"

namespace lowbit {

/// A quantized file becomes a quantized model with the codes, scales and zero points of the file: int8 with a
/// scale for each channel, or uint8 with one and a zero point for each tensor. Sums and rounding are
/// lowbit's: a code may differ by one from that of TensorFlow, whose kernels round a product of integers.
/// Inputs and outputs are floats, also where the file has codes there. Images, tensors of four dimensions,
/// are N x C x H x W; their batch stays open. Other tensors have the shape of the file. Throws
/// Error(not_found), Error(corrupt_file), Error(unsupported) whose sentence names the operators or the tensor
/// that lowbit does not have; Error(not_built) in a build without FlatBuffers.
LOWBIT_ONNX_CALL Model load_tflite(const std::string& path);
/// From memory.
LOWBIT_ONNX_CALL Model load_tflite(std::span<const std::byte> bytes, const std::string& name = "model");

}  // namespace lowbit
