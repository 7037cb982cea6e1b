// SPDX-License-Identifier: Apache-2.0
// describe_onnx: what an ONNX file declares, without importing it: for whoever wants to know what a file
// needs before its open dimensions are fixed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit {

struct OnnxTensor {
  std::string name;
  std::string element;            ///< as ONNX has it: "FLOAT", "INT64"; empty for what is no tensor
  std::vector<std::string> dims;  ///< numbers, the names of open ones, "?" for open ones without a name
  std::string denotation{};       ///< of the type, as "IMAGE"; mostly empty
};

struct OnnxSummary {
  std::int64_t opset = 1;
  std::string producer;                                         ///< "pytorch 2.1.0"; may be empty
  std::vector<std::pair<std::string, std::string>> metadata{};  ///< keys and values, as the file has them
  std::vector<OnnxTensor> inputs, outputs;                      ///< without initializers
  std::vector<std::pair<std::string, int>> operators;  ///< and how often, those in branches too, by name
  std::vector<std::string> missing;                    ///< those of them that lowbit does not have
};

/// Throws Error as load_onnx does for files that are none.
LOWBIT_ONNX_CALL OnnxSummary describe_onnx(const std::string& path);

}  // namespace lowbit
