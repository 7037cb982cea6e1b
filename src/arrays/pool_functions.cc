#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> pool_functions() {
  return {};
}

}  // namespace lowbit::arrays
