// SPDX-License-Identifier: Apache-2.0
// Loops of one instruction on registers alone: what the processor could do if nothing but arithmetic took
// time.
#pragma once

#include <vector>

#include "lowbit/kernels/isa.h"

namespace lowbit::bench {

struct PeakLoop {
  const char* name;  ///< the instruction and its width
  Isa required;
  double macs;  ///< multiply-adds of one call
  void (*run)();
};

/// Those that the machine can run, the one of most multiply-adds first; may be empty.
std::vector<PeakLoop> peak_loops();

}  // namespace lowbit::bench
