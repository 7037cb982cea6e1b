// SPDX-License-Identifier: Apache-2.0
// Choosing from the small tables of kernels, whose entries stand best first and end with the scalar
// reference.
#pragma once

#include <cstddef>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

/// The first that `isa` allows, else the last.
template <class Kernel, std::size_t N>
const Kernel& select_kernel(const Kernel* const (&table)[N], Isa isa) {
  for (const Kernel* kernel : table)
    if (has_isa(isa, kernel->required)) return *kernel;
  return *table[N - 1];
}

}  // namespace lowbit::kernels
