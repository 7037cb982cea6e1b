// SPDX-License-Identifier: Apache-2.0
// What `lowbit info FILE` shows of a model, as a table and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/kernels/gemm_kernel.h"
#include "lowbit/model/model.h"

namespace lowbit::report {

struct NodeInfo {
  std::string name, op, shape, scheme;
  std::string weights;             ///< "f32", "s8", "u4", "s2"; empty without weights
  std::string kernel;              ///< empty for plain loops
  std::uint64_t bytes = 0;         ///< of weights, scales and constants
  std::string type;                ///< of the output: "f32" or "u8"
  std::optional<QParams> qparams;  ///< of u8 outputs
  std::string fallback;            ///< why the node stayed fp32
};

struct ModelInfo {
  std::string path, scheme;
  std::vector<std::string> inputs, outputs;  ///< "name: shape"
  std::vector<OpenDimension> open;
  std::uint64_t bytes = 0;
  /// Of the file, and of the same model in one that is not compressed; 0 where it is no .lowbit file.
  std::uint64_t file_bytes = 0, plain_bytes = 0;
  double bits = 0;
  std::string coverage;
  PackReport packing;  ///< summed over the layers
  std::vector<NodeInfo> nodes;
};

ModelInfo describe(const Model& model, const std::string& path);
std::string format_model_info(const ModelInfo& info, bool colour);
/// Schema "lowbit-info-1".
nlohmann::ordered_json to_json(const ModelInfo& info);

}  // namespace lowbit::report
