#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> resize_functions() {
  return {};
}

}  // namespace lowbit::arrays
