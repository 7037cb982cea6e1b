// SPDX-License-Identifier: Apache-2.0
// ArrayAttribute: an attribute of an operator of ONNX, by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/core/config.h"

namespace lowbit {

/// One of the three holds what the attribute says.
struct ArrayAttribute {
  std::string name;
  std::vector<std::int64_t> integers{};  ///< an integer is a list of one
  std::vector<float> floats{};           ///< likewise
  std::string text{};

  template <class V>
  void visit_fields(V&& v) {
    v("name", name), v("integers", integers), v("floats", floats), v("text", text);
  }
};

}  // namespace lowbit
