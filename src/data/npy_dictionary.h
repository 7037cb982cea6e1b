// SPDX-License-Identifier: Apache-2.0
// The header of a .npy file is a Python dictionary with three known keys; this parses exactly that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit::data {

struct NpyDictionary {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Keys in any order, each once. Throws Error(corrupt_file) naming `name` for anything else.
NpyDictionary parse_npy_dictionary(std::string_view text, const std::string& name);

}  // namespace lowbit::data
