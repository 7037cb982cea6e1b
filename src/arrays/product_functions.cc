#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> product_functions() {
  return {};
}

}  // namespace lowbit::arrays
