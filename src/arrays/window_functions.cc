#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> window_functions() {
  return {};
}

}  // namespace lowbit::arrays
