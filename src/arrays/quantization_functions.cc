#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> quantization_functions() {
  return {};
}

}  // namespace lowbit::arrays
