// SPDX-License-Identifier: Apache-2.0
// What `lowbit check` says of an ONNX file: what it declares, whether it can be imported, and what of it
// would be quantized.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "lowbit/core/scheme.h"
#include "lowbit/io/onnx/describe.h"
#include "lowbit/model/model.h"

namespace lowbit::report {

struct Check {
  std::string path;
  OnnxSummary file;
  std::optional<Model> model{};  ///< nothing: it cannot be imported
  std::string problem{};         ///< why not
  Scheme scheme = "int8";        ///< that is asked about
};

std::string format_check(const Check& check, bool colour);
/// Schema "lowbit-check-1".
nlohmann::ordered_json to_json(const Check& check);

}  // namespace lowbit::report
