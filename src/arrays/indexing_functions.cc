#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> indexing_functions() {
  return {};
}

}  // namespace lowbit::arrays
