#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> reduction_functions() {
  return {};
}

}  // namespace lowbit::arrays
