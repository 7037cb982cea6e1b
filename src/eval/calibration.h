// Calibrating on the images that the options of a command name.
#pragma once

#include <string>

#include "data/data_options.h"
#include "data/dataset.h"
#include "data/images.h"
#include "eval/model_quantizer.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"

namespace lowbit::eval {

/// What parts of one calibration have in common, wherever their files lie: "mnist, 500 of 60000 images, seed
/// 0". Of npy data the name of the file or folder, without where it is.
std::string describe_images(const data::DataOptions& options, const data::Images& images);

/// One shard of the images; shows progress. Without `distributions` only what quantize() needs is kept, with
/// what recovery works on where the options ask for one.
/// Throws as Images, parse_data_spec and make_observer.
CalibrationShard calibrate_images(const Model& fp32, const data::DataOptions& data,
                                  const QuantizationOptions& options, StreamShard shard, bool distributions);

/// The ranges of a table file. Throws as load_range_table and calibration_table, naming the file.
CalibrationTable load_calibration(const std::string& path, const Model& fp32);

}  // namespace lowbit::eval
