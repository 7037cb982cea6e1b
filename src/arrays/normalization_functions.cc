#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> normalization_functions() {
  return {};
}

}  // namespace lowbit::arrays
