#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> movement_functions() {
  return {};
}

}  // namespace lowbit::arrays
