#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> convolution_functions() {
  return {};
}

}  // namespace lowbit::arrays
