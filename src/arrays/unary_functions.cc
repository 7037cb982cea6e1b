#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> unary_functions() {
  return {};
}

}  // namespace lowbit::arrays
