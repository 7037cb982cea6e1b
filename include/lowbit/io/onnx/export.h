// SPDX-License-Identifier: Apache-2.0
// export_onnx: writes a model, fp32 or quantized, as an ONNX file for other runtimes. Part of the optional
// component lowbit::onnx.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/model/model.h"

namespace lowbit {

enum class OnnxForm : std::uint8_t {
  /// Operators on floats between QuantizeLinear and DequantizeLinear, from which runtimes make integer ones.
  /// Weights are stored codes with a DequantizeLinear: for each channel, or in blocks (opset 21).
  qdq,
  /// The same, but products whose weights alone are quantized, in blocks of 16, 32, ... of 4 or 8 bits, are
  /// MatMulNBits of com.microsoft: ONNX Runtime multiplies from these codes.
  nbits,
  /// Integer operators themselves, for runtimes that make none of pairs: QLinearConv and QLinearMatMul where
  /// codes
  /// come out, else MatMulInteger and ConvInteger, whose sums are scaled in floats. What has no such operator
  /// in
  /// the standard (additions, pools) is between DequantizeLinear and QuantizeLinear as in qdq.
  qlinear,
  /// The values that codes stand for as floats, and no quantization of activations.
  fp32,
};

struct OnnxExportOptions {
  OnnxForm form = OnnxForm::qdq;
  /// Of a convolution that adds another value to its sums and gives codes. false: Conv and Add with codes
  /// between them, from which runtimes make integer operators; the product is rounded to half a step more
  /// than in lowbit. true: ConvInteger, after which the sum is rounded once, as in lowbit; runtimes are slow
  /// at it.
  bool exact_sums = false;
};

/// Writes the fused graph; names of inputs, outputs and values are kept. What a runtime computes from it:
/// - Activations of 8 bits: the same codes but for roundings: a runtime rounds the bias of a convolution, in
/// qdq
///   of other products too, to an int32 of units input scale times weight scale.
/// - Weights of tables (codebooks, logarithms, sign bits): as int8 where activations are codes, else as the
///   floats that they stand for.
/// - Dynamic ranges: of a tensor, where lowbit takes them of a row.
/// The batch stays open, and is 1 where it was. Throws Error(unsupported) naming the node or value for what
/// ONNX cannot say: open dimensions, caches in codes, sign activations, files of 2 GB and more. Error(io) as
/// save().
LOWBIT_ONNX_CALL void export_onnx(const Model& model, const std::string& path,
                                  const OnnxExportOptions& options = {});
/// The bytes of that file.
LOWBIT_ONNX_CALL std::vector<std::byte> export_onnx_to_bytes(const Model& model,
                                                             const OnnxExportOptions& options = {});

}  // namespace lowbit
