// SPDX-License-Identifier: Apache-2.0
// Energy: what the processor counts of itself (RAPL, through Linux's powercap), or an estimate.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/model/model.h"

namespace lowbit::detail {

/// Joules that all packages of the machine have taken, other programs' among them.
class EnergyCounter {
 public:
  /// Reads DIR/*/energy_uj of package domains ("intel-rapl:0"); not there or not readable: no counter.
  explicit EnergyCounter(const std::string& dir = "/sys/class/powercap");
  bool is_readable() const { return !domains_.empty(); }
  /// Since the last call, or since it was made; nothing where a file cannot be read any more.
  std::optional<double> joules();

 private:
  struct Domain {
    std::string file;
    std::uint64_t last = 0, range = 0;  ///< microjoules; where the counter starts again from 0
  };
  std::vector<Domain> domains_;
};

inline constexpr const char* kMeasuredEnergy = "measured by RAPL: all packages, everything that ran";
inline constexpr const char* kEstimatedEnergy =
    "estimated from counts of operations and bytes at 45 nm (M. Horowitz, Computing's energy problem, ISSCC "
    "2014): no measurement of this machine";

/// Of a layer on one sample: products and additions, weights read once, values read or written once, from a
/// cache of 1 MB.
double estimated_joules(const Scheme& scheme, double products, double weight_bytes, double values);
/// Of a run of `batch` samples: of its layers with weights as they are in memory.
double estimated_joules(const Model& model, std::int64_t batch);

}  // namespace lowbit::detail
