// The bytes of a .npy file, for tests to write.
#pragma once

#include <string>
#include <vector>

#include "data/npy.h"

namespace lowbit::data {

inline std::string npy_file(const Shape& shape, const std::vector<float>& values) {
  return npy_float_header(shape) +
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * 4);
}

}  // namespace lowbit::data
