#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> binary_functions() {
  return {};
}

}  // namespace lowbit::arrays
