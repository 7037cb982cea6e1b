// SPDX-License-Identifier: Apache-2.0
// The steps of a recovery that are about layers, one layer after the other.
#pragma once

#include <vector>

#include "recover/layer_plan.h"
#include "recover/recovery_samples.h"
#include "recover/recovery_steps.h"

namespace lowbit::detail {

/// `quantized` is `fp32` as the plans have it so far; they become what is taken. `started`: when the whole
/// recovery did. Adds to report.layers; throws Error(cancelled) where progress says so.
void recover_layers(std::vector<LayerPlan>& layers, const Model& quantized, const Model& fp32,
                    const RecoverySamples& samples, const RecoverOptions& options,
                    RecoveryClock::time_point started, RecoveryReport& report);

}  // namespace lowbit::detail
