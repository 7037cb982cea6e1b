// SPDX-License-Identifier: Apache-2.0
#include "kernels/avxvnni_twins.h"

namespace lowbit::testing {

std::span<const kernels::GemmKernel* const> avxvnni_twins() {
  return {};
}

}  // namespace lowbit::testing
