#include "data/preprocess.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <set>

#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

double parse_decimal(std::string_view text, std::string_view part) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("--preprocess: \"{}\" in \"{}\" is not a number such as 0.5 or 1/255", text, part));
  return value;
}

float parse_number(std::string_view text, std::string_view part) {
  const std::size_t slash = text.find('/');
  double value = parse_decimal(text.substr(0, slash), part);
  if (slash != std::string_view::npos) value /= parse_decimal(text.substr(slash + 1), part);
  const auto result = static_cast<float>(value);
  if (!std::isfinite(result))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--preprocess: \"{}\" is not a finite number", text));
  return result;
}

std::vector<float> parse_list(std::string_view text, std::string_view part) {
  std::vector<float> values;
  for (const std::string_view item : split(text, ':')) values.push_back(parse_number(item, part));
  return values;
}

}  // namespace

Preprocess parse_preprocess(std::string_view text, const Preprocess& defaults) {
  Preprocess result = defaults;
  std::set<std::string_view> seen;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    if (equals == std::string_view::npos || !(key == "scale" || key == "mean" || key == "std"))
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--preprocess: \"{}\" is not scale=, mean= or std= with a value", part));
    if (!seen.insert(key).second)
      throw Error(ErrorCode::invalid_argument, fmt::format("--preprocess: {} is given twice", key));
    const std::vector<float> values = parse_list(part.substr(equals + 1), part);
    if (key == "scale") {
      if (values.size() != 1)
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("--preprocess: \"{}\": scale is one number", part));
      result.scale = values[0];
    } else if (key == "mean") {
      result.mean = values;
    } else {
      for (const float v : values)
        if (v == 0.0f)
          throw Error(ErrorCode::invalid_argument,
                      fmt::format("--preprocess: \"{}\": std must not be zero", part));
      result.std = values;
    }
  }
  return result;
}

std::int64_t channel_count(const Shape& sample) {
  return sample.rank() == 3 ? sample[0] : 1;
}

void require_channels(const Preprocess& preprocess, std::int64_t channels) {
  for (const auto* list : {&preprocess.mean, &preprocess.std})
    if (list->size() != 1 && static_cast<std::int64_t>(list->size()) != channels)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("--preprocess: {} has {} values; images of {} channels take 1 or {}",
                              list == &preprocess.mean ? "mean" : "std", list->size(), channels, channels));
}

void apply(const Preprocess& preprocess, std::int64_t channels, std::span<float> sample) {
  if (preprocess.is_identity() || sample.empty()) return;
  const std::size_t plane = sample.size() / static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const std::size_t channel = i / plane;
    const float mean = preprocess.mean[preprocess.mean.size() == 1 ? 0 : channel];
    const float std = preprocess.std[preprocess.std.size() == 1 ? 0 : channel];
    sample[i] = (sample[i] * preprocess.scale - mean) / std;
  }
}

}  // namespace lowbit::data
