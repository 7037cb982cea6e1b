// SPDX-License-Identifier: Apache-2.0
// Options that several commands share, and how their text becomes values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/data_options.h"
#include "eval/model_quantizer.h"
#include "lowbit/io/onnx/load.h"
#include "lowbit/model/calibration_shard.h"

namespace CLI {
class App;
}

namespace lowbit::cli {

/// A check of options: empty for a number above 0, else the sentence. CLI11's own prints the largest double.
std::string above_zero(const std::string& text);

/// --shape, --open and --set: what a file leaves open.
void add_onnx_options(CLI::App& app, OnnxOptions& options);
/// Whether a command calibrates on the data: then --calib and --seed go with it.
enum class Calibration { yes, no };
void add_data_options(CLI::App& app, data::DataOptions& options, Calibration calibration = Calibration::yes);
void add_observer_option(CLI::App& app, eval::QuantizationOptions& options);
void add_threads_option(CLI::App& app, int& threads);
/// --images and --held-out: what an evaluation takes of the data.
void add_evaluation_options(CLI::App& app, std::int64_t& images, data::DataOptions& data);
/// Goes with the options of add_data_options and add_quantization_options, and refuses those that a table
/// leaves without effect.
void add_table_option(CLI::App& app, eval::QuantizationOptions& options);
void add_recover_option(CLI::App& app, eval::QuantizationOptions& options);
/// PATTERN=PART: a part, from 0 to 1, of the weights of layers whose name matches.
void add_layer_part_option(CLI::App& app, const char* name,
                           std::vector<std::pair<std::string, double>>& parts);
/// The overrides, the observer, the threads.
void add_quantization_options(CLI::App& app, eval::QuantizationOptions& options);

/// The options of add_data_options that say which data, as a shell takes them, with a space in front.
std::string data_flags(const data::DataOptions& options);

/// "2/8" is {1, 8}. Throws Error(invalid_argument) for anything but K/N with 1 <= K <= N <= 1000000.
StreamShard parse_shard(const std::string& text);
/// The names in "all" or a list with commas, each once; none where `text` is the name of one observer. Throws
/// as make_observer.
std::vector<std::string> parse_observer_list(const std::string& text);

}  // namespace lowbit::cli
