// SPDX-License-Identifier: Apache-2.0
// What a file that is quantized already says of codes: scales and zero points of values and of weights. The
// graph is imported in floats; apply_codes() makes a quantized model of both.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"

namespace lowbit::onnx_import {

/// Of a constant that DequantizeLinear makes of codes of 8 or 4 bits.
struct ConstantCodes {
  int axis = -1;                            ///< along which the scales differ; -1: there is one
  std::int64_t block = 0;                   ///< elements along `axis` that share a scale; 0: one
  std::vector<std::int64_t> dims{};         ///< of scales, where they come in blocks
  std::vector<float> scales{};              ///< one, one for each place along `axis`, or row-major in blocks
  std::vector<std::int32_t> zero_points{};  ///< as many, or empty: 0
  bool is_signed = true;
  int bits = 8;
};

/// Of the weight matrix of a node, whose rows are output channels.
struct WeightCodes {
  std::int64_t group_size = 0;              ///< 0: one scale for each row, or for all
  std::vector<float> scales{};              ///< one, [rows], or [rows][groups]
  std::vector<std::int32_t> zero_points{};  ///< as many, or empty: 0
  bool is_signed = true;
  int bits = 8;
};

struct FileCodes {
  std::map<std::string, QParams> values{};       ///< by name; zero points of codes from 0 to 255
  std::set<std::string> ambiguous{};             ///< values that are quantized in two ways
  std::map<std::string, WeightCodes> weights{};  ///< by name of the node
  std::set<std::string> dynamic{};               ///< nodes whose input is quantized at run time

  bool empty() const { return weights.empty(); }
  void note_value(const std::string& name, const QParams& qparams) {
    const auto [at, is_new] = values.try_emplace(name, qparams);
    if (!is_new && !(at->second == qparams)) ambiguous.insert(name);
  }
  void rename_value(const std::string& from, const std::string& to) {
    auto at = values.extract(from);
    if (at.empty()) return;
    at.key() = to;
    values.insert(std::move(at));
    if (ambiguous.erase(from) > 0) ambiguous.insert(to);
  }
};

}  // namespace lowbit::onnx_import
