#include "arrays/registry.h"

namespace lowbit::arrays {

std::span<const Function> attention_functions() {
  return {};
}

}  // namespace lowbit::arrays
