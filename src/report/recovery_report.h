// SPDX-License-Identifier: Apache-2.0
// What a recovery did, as tables for people and as JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lowbit/recover/recover.h"

namespace lowbit::report {

/// "SQNR 10.4 -> 23.1 dB, 22 of 22 layers better, 12.3 s (128 samples, 32 kept aside; 95 MB at most)"; in
/// further lines which steps failed, where some did.
std::string recovery_summary(const RecoveryReport& report);
/// A row for each step of the network and of each layer: SQNR before and after, seconds, whether it was
/// taken.
std::string format_recovery(const RecoveryReport& report, bool colour);
/// An object: "steps", "layers" with their steps, "sqnr_before", "sqnr_after", "seconds", "samples",
/// "held_out", and "memory", what it took at most in bytes.
nlohmann::ordered_json to_json(const RecoveryReport& report);

}  // namespace lowbit::report
