#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> cast_functions() {
  return {};
}

}  // namespace lowbit::arrays
