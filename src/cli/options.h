// Options that several commands share, and how their text becomes values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace lowbit::cli {

/// Where images come from and how many are used.
struct DataOptions {
  std::string data, labels, preprocess;
  std::int64_t calib = 500;
  std::uint64_t seed = 0;
};
void add_data_options(CLI::App& app, DataOptions& options);

/// How models are quantized.
struct QuantizationOptions {
  std::vector<std::string> overrides;  ///< PATTERN=SCHEME
  std::string observer = "minmax";
  int threads = 1;
  std::string table;  ///< a RangeTable; empty: calibrate
};
void add_observer_option(CLI::App& app, QuantizationOptions& options);
void add_threads_option(CLI::App& app, QuantizationOptions& options);
/// Goes with the options of add_data_options and add_quantization_options, and refuses those that a table
/// leaves without effect.
void add_table_option(CLI::App& app, QuantizationOptions& options);
/// The overrides, the observer, the threads.
void add_quantization_options(CLI::App& app, QuantizationOptions& options);

/// {pattern, scheme}, cut at the last '='. Throws Error(invalid_argument) for text without one, an empty
/// pattern or a scheme that is unknown or not built.
std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts);
/// Canonical names of a comma-separated list, each once, in order; "all" stands for family_schemes(). Throws
/// as parse_overrides.
std::vector<std::string> parse_scheme_list(const std::string& text);
/// The canonical name. Throws as parse_overrides.
std::string parse_scheme_option(const std::string& text);
/// Whether quantizing with `scheme` and the overrides takes ranges found on images beforehand.
bool needs_calibration(const std::string& scheme,
                       const std::vector<std::pair<std::string, std::string>>& overrides);

}  // namespace lowbit::cli
