// Calibrating on the images that the options of a command name.
#pragma once

#include <string>

#include "cli/dataset.h"
#include "cli/images.h"
#include "cli/options.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"

namespace lowbit::cli {

/// "2/8" is {1, 8}. Throws Error(invalid_argument) for anything but K/N with 1 <= K <= N <= 1000000.
Shard parse_shard(const std::string& text);

/// What parts of one calibration have in common, wherever their files lie: "mnist, 500 of 60000 images, seed
/// 0". Of npy data the name of the file or folder, without where it is.
std::string describe_images(const DataOptions& options, const Images& images);

/// One shard of the images; shows progress. Without `distributions` only what quantize() needs is kept.
/// Throws as Images, parse_data_spec and make_observer.
CalibrationPart calibrate_images(const Model& fp32, const DataOptions& data,
                                 const QuantizationOptions& options, Shard shard, bool distributions);

/// The ranges of a table file. Throws as load_range_table and calibration_table, naming the file.
CalibrationTable load_calibration(const std::string& path, const Model& fp32);

}  // namespace lowbit::cli
