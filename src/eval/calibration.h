// SPDX-License-Identifier: Apache-2.0
// Calibrating on the samples that the options of a command name.
#pragma once

#include <string>

#include "data/data_options.h"
#include "data/dataset.h"
#include "data/samples.h"
#include "eval/model_quantizer.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"

namespace lowbit::eval {

/// What parts of one calibration have in common, wherever their files lie: "mnist, 500 of 60000 images, seed
/// 0". Of data that has no split the name of the file or folder, without where it is.
std::string describe_samples(const data::DataOptions& options, const data::Samples& samples);

/// One shard of the samples; shows progress. Without `distributions` only what quantize() needs is kept, with
/// what recovery works on where the options ask for one.
/// Throws as Samples and make_observer.
CalibrationShard calibrate_samples(const Model& fp32, const data::DataOptions& data,
                                   const QuantizationOptions& options, StreamShard shard, bool distributions);

/// The ranges of a table file. Throws as load_range_table and calibration_table, naming the file.
CalibrationTable load_calibration(const std::string& path, const Model& fp32);

}  // namespace lowbit::eval
