// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <sstream>

#include "core/refuse.h"
#include "data/dataset.h"
#include "eval/named_recovery.h"
#include "lowbit/core/error.h"
#include "lowbit/observe/observer.h"
#include "report/sensitivity_report.h"

namespace lowbit::cli {
namespace {

constexpr std::int32_t kMostShards = 1000000;

bool parse_number(std::string_view text, std::int32_t& number) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  return result.ec == std::errc() && result.ptr == end;
}

/// "x=3x48x320" or "3x48x320".
std::pair<std::string, Shape> parse_shape(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
  std::string_view sizes(text);
  if (equals != std::string::npos) sizes.remove_prefix(equals + 1);
  std::vector<std::int64_t> dims;
  for (std::size_t first = 0; first <= sizes.size();) {
    const std::size_t end = std::min(sizes.find('x', first), sizes.size());
    std::int32_t size = 0;
    if (!parse_number(sizes.substr(first, end - first), size) || size < 0 ||
        dims.size() + 1 >= static_cast<std::size_t>(Shape::kMaxRank))
      throw CLI::ValidationError(
          "--shape", fmt::format("\"{}\" is no shape of a sample, as 3x48x320 or INPUT=3x48x320 are", text));
    dims.push_back(size);
    first = end + 1;
  }
  return {name, Shape(dims)};
}

/// "sequence=1:512".
OpenDimension parse_open(const std::string& text) {
  const std::size_t equals = std::min(text.rfind('='), text.size()), colon = text.find(':', equals);
  std::int32_t lowest = 0, highest = 0;
  const bool is_good = equals > 0 && colon != std::string::npos &&
                       parse_number(std::string_view(text).substr(equals + 1, colon - equals - 1), lowest) &&
                       parse_number(std::string_view(text).substr(colon + 1), highest) && lowest >= 0 &&
                       highest >= 1 && highest >= lowest;
  if (!is_good)
    throw CLI::ValidationError(
        "--open", fmt::format("\"{}\" is not DIMENSION=LOWEST:HIGHEST, as sequence=1:512 is", text));
  return {text.substr(0, equals), lowest, highest};
}

/// "sr=16000" or "sizes=3,4".
std::pair<std::string, arrays::Array> parse_setting(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  arrays::Array array({ElementType::f32, Shape{}});
  array.floats.clear();
  bool is_good = equals != std::string::npos && equals > 0;
  for (std::size_t first = equals + 1; is_good && first <= text.size();) {
    const std::size_t end = std::min(text.find(',', first), text.size());
    float value = 0;
    const auto result = std::from_chars(text.data() + first, text.data() + end, value);
    is_good = result.ec == std::errc() && result.ptr == text.data() + end;
    array.floats.push_back(value);
    first = end + 1;
  }
  if (!is_good)
    throw CLI::ValidationError("--set", fmt::format("\"{}\" is not INPUT=NUMBER[,NUMBER...]", text));
  if (array.floats.size() > 1) array.type.shape = Shape{static_cast<std::int64_t>(array.floats.size())};
  return {text.substr(0, equals), std::move(array)};
}

}  // namespace

void add_onnx_options(CLI::App& app, OnnxOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--shape",
         [&options](const std::vector<std::string>& texts) {
           options.shapes.clear();
           for (const std::string& text : texts) options.shapes.push_back(parse_shape(text));
         },
         "[INPUT=]3x48x320: the shape of a sample, where an ONNX file leaves dimensions open")
      ->allow_extra_args(false);
  app.add_option_function<std::vector<std::string>>(
         "--open",
         [&options](const std::vector<std::string>& texts) {
           options.open.clear();
           for (const std::string& text : texts) options.open.push_back(parse_open(text));
         },
         "sequence=1:512: a dimension of an ONNX file, by its name or as INPUT[AXIS], that stays open: "
         "inputs\n"
         "say its size in each run, within these limits")
      ->allow_extra_args(false);
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [&options](const std::vector<std::string>& texts) {
           options.constants.clear();
           for (const std::string& text : texts) options.constants.push_back(parse_setting(text));
         },
         "INPUT=16000: an input of an ONNX file that is always the same, which becomes a constant")
      ->allow_extra_args(false);
}

std::string above_zero(const std::string& text) {
  double value = 0;
  return CLI::detail::lexical_cast(text, value) && value > 0
             ? ""
             : fmt::format("\"{}\" is no number above 0", text);
}

void add_data_options(CLI::App& app, data::DataOptions& options, Calibration calibration) {
  app.add_option("--data", options.data, data::known_data_specs());
  app.add_option(
      "--labels", options.labels,
      "where the labels are: for npy a .npy file of integers, for npz the name of an array\n"
      "(default: labels), for csv the name of a column (default: the last, where there is one more\n"
      "than the model takes)");
  app.add_option("--preprocess", options.preprocess,
                 "scale=S,mean=M:M:M,std=D:D:D: samples become (x * S - M) / D\n"
                 "(mnist, cifar10 and images: scale=1/255 unless given); for images also resize=256 or\n"
                 "resize=HxW, crop=N or crop=HxW, order=bgr; for wav also rate=16000, hop=SAMPLES.\n"
                 "auto: what the ONNX file says of itself");
  if (calibration == Calibration::no) return;
  app.add_option(
         "--calib", options.calib,
         "calibration samples: the first of the training files; where there are none, of the same files")
      ->check(above_zero)
      ->capture_default_str();
  app.add_option("--seed", options.seed, "another than 0: a random subset of calibration images")
      ->capture_default_str();
}

void add_layer_part_option(CLI::App& app, const char* name,
                           std::vector<std::pair<std::string, double>>& parts) {
  const std::string option = name;
  app.add_option_function<std::vector<std::string>>(
         option,
         [option, &parts](const std::vector<std::string>& texts) {
           parts.clear();
           for (const std::string& text : texts) {
             const std::size_t equals = text.rfind('=');
             double part = -1;
             if (equals != std::string::npos && equals > 0 &&
                 CLI::detail::lexical_cast(text.substr(equals + 1), part) && part >= 0 && part <= 1)
               parts.emplace_back(text.substr(0, equals), part);
             else
               refuse(fmt::format("{} \"{}\" is not PATTERN=PART, with a part from 0 to 1", option, text));
           }
         },
         "PATTERN=PART: another part for layers whose name matches")
      ->allow_extra_args(false);
}

void add_quantization_options(CLI::App& app, eval::QuantizationOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--override",
         [&options](const std::vector<std::string>& texts) {
           options.overrides = eval::parse_overrides(texts);
         },
         "PATTERN=SCHEME: another scheme for layers whose name matches")
      ->allow_extra_args(false);
  add_observer_option(app, options);
  add_threads_option(app, options.threads);
}

void add_observer_option(CLI::App& app, eval::QuantizationOptions& options) {
  app.add_option("--observer", options.observer,
                 fmt::format("how calibration chooses ranges: {}, or another percentage",
                             fmt::join(known_observers(), ", ")))
      ->capture_default_str();
}

void add_recover_option(CLI::App& app, eval::QuantizationOptions& options) {
  app.add_option(
         "--recover", options.recover,
         std::string(
             "win accuracy back on the calibration images: none, fast, best, or steps with commas:\n") +
             eval::named_recovery_steps())
      ->capture_default_str()
      ->check([](const std::string& text) {
        try {
          if (text != "none") eval::parse_named_recovery(text);
        } catch (const Error& e) {
          return std::string(e.what());
        }
        return std::string();
      });
}

void add_threads_option(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads, including the main one")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

void add_evaluation_options(CLI::App& app, std::int64_t& images, data::DataOptions& data) {
  app.add_option("--images", images, "images to evaluate (default: all)")->check(above_zero);
  app.add_flag("--held-out", data.held_out,
               "leave out the samples that calibration takes, where both are of the same files");
}

std::string data_flags(const data::DataOptions& options) {
  std::string text = " --data " + report::shell_word(options.data);
  if (!options.labels.empty()) text += " --labels " + report::shell_word(options.labels);
  if (!options.preprocess.empty()) text += " --preprocess " + report::shell_word(options.preprocess);
  return text;
}

void add_table_option(CLI::App& app, eval::QuantizationOptions& options) {
  CLI::Option* table =
      app.add_option("--table", options.table, "take ranges from a table that lowbit calibrate wrote");
  for (const char* other : {"--observer", "--calib", "--seed"}) table->excludes(app.get_option(other));
}

StreamShard parse_shard(const std::string& text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::int32_t number = 0, count = 0;
  const bool fits = slash < text.size() && parse_number(std::string_view(text).substr(0, slash), number) &&
                    parse_number(std::string_view(text).substr(slash + 1), count) && number >= 1 &&
                    number <= count && count <= kMostShards;
  if (!fits)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--shard \"{}\" is not K/N with 1 <= K <= N <= {}, as 2/8", text, kMostShards));
  return {number - 1, count};
}

std::vector<std::string> parse_observer_list(const std::string& text) {
  if (text == "all") return known_observers();
  if (text.find(',') == std::string::npos) return {};
  std::vector<std::string> names;
  std::istringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) {
    make_observer(name);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace lowbit::cli
