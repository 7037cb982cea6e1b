#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"

namespace lowbit::cli {

void add_data_options(CLI::App& app, DataOptions& options) {
  app.add_option("--data", options.data, "mnist:DIR, cifar10:DIR, glyphs or npy:FILE_OR_DIR");
  app.add_option("--labels", options.labels, "labels of npy data, a .npy file of integers");
  app.add_option("--preprocess", options.preprocess,
                 "scale=S,mean=M:M:M,std=D:D:D: images become (x * S - M) / D\n"
                 "(mnist and cifar10: scale=1/255 unless given)");
  app.add_option(
         "--calib", options.calib,
         "calibration images: the first of the training files; of npy data, the first of the same images")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "another than 0: a random subset of calibration images")
      ->capture_default_str();
}

void add_quantization_options(CLI::App& app, QuantizationOptions& options) {
  app.add_option("--override", options.overrides,
                 "PATTERN=SCHEME: another scheme for layers whose name matches")
      ->allow_extra_args(false);
  add_observer_option(app, options);
  add_threads_option(app, options);
}

void add_observer_option(CLI::App& app, QuantizationOptions& options) {
  app.add_option("--observer", options.observer,
                 "how calibration chooses ranges: minmax, moving-average, batch-mean, batch-median, "
                 "batch-robust, histogram, mse, mse-one-sided, sqnr, entropy, aciq, p99.9 and such")
      ->capture_default_str();
}

void add_threads_option(CLI::App& app, QuantizationOptions& options) {
  app.add_option("--threads", options.threads, "threads, including the main one")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

void add_table_option(CLI::App& app, QuantizationOptions& options) {
  CLI::Option* table =
      app.add_option("--table", options.table, "take ranges from a table that lowbit calibrate wrote");
  for (const char* other : {"--observer", "--calib", "--seed"}) table->excludes(app.get_option(other));
}

std::string parse_scheme_option(const std::string& text) {
  const Scheme scheme = parse_scheme(text);
  require_built(scheme);
  return format_scheme(scheme);
}

std::vector<std::pair<std::string, std::string>> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("--override \"{}\" is not PATTERN=SCHEME", text));
    overrides.emplace_back(text.substr(0, equals), parse_scheme_option(text.substr(equals + 1)));
  }
  return overrides;
}

std::vector<std::string> parse_scheme_list(const std::string& text) {
  std::vector<std::string> schemes;
  std::istringstream stream(text);
  const auto add = [&](std::string scheme) {
    if (std::find(schemes.begin(), schemes.end(), scheme) == schemes.end())
      schemes.push_back(std::move(scheme));
  };
  for (std::string item; std::getline(stream, item, ',');) {
    if (item == "all") {
      for (const Scheme& scheme : family_schemes()) add(format_scheme(scheme));
    } else {
      add(parse_scheme_option(item));
    }
  }
  if (schemes.empty()) throw Error(ErrorCode::invalid_argument, "--scheme is empty");
  return schemes;
}

bool needs_calibration(const std::string& scheme,
                       const std::vector<std::pair<std::string, std::string>>& overrides) {
  const auto has_static_ranges = [](const std::string& text) {
    const Scheme s = parse_scheme(text);
    return !s.is_fp32() && !s.dynamic && s.activation_bits > 0;
  };
  return has_static_ranges(scheme) || std::any_of(overrides.begin(), overrides.end(),
                                                  [&](const auto& o) { return has_static_ranges(o.second); });
}

}  // namespace lowbit::cli
