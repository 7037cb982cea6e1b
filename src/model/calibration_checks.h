// SPDX-License-Identifier: Apache-2.0
// What is checked of a calibration wherever it comes from: a Calibrator, a file, a merge.
#pragma once

#include "lowbit/model/calibrate.h"

namespace lowbit {

/// Throws Error(invalid_argument) unless 0 <= index < count.
void check_shard(StreamShard shard);
/// Throws Error(invalid_argument) for a table of no samples, or with a value that was never finite.
void check_calibrated(const CalibrationTable& table);
/// Throws Error(invalid_argument) unless the table was made for this fp32 model, or says no model.
void check_made_for(const CalibrationTable& table, const Model& fp32);

}  // namespace lowbit
