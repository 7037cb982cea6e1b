#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> recurrent_functions() {
  return {};
}

}  // namespace lowbit::arrays
