// SPDX-License-Identifier: Apache-2.0
#include "data/preprocess.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

// Of sides and rates; larger ones are mistakes.
constexpr std::int64_t kMostSize = 1'000'000;

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

std::int64_t parse_size(std::string_view text, std::string_view part) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || value < 1 || value > kMostSize)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--preprocess: \"{}\" in \"{}\" is not a whole number from 1 to {}", text, part,
                            kMostSize));
  return value;
}

/// "HxW"; of one number both sides, or with `shorter` the shorter one.
Sides parse_sides(std::string_view text, std::string_view part, bool shorter) {
  const std::size_t x = text.find('x');
  const std::int64_t first = parse_size(text.substr(0, x), part);
  if (x != std::string_view::npos) return {first, parse_size(text.substr(x + 1), part)};
  return {shorter ? 0 : first, first};
}

bool parse_bgr(std::string_view text, std::string_view part) {
  if (text != "rgb" && text != "bgr")
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--preprocess: \"{}\": the order is rgb or bgr", part));
  return text == "bgr";
}

using Setter = void (*)(Preprocess& result, std::string_view value, std::string_view part);

void set_scale(Preprocess& result, std::string_view value, std::string_view part) {
  const std::vector<float> values = parse_list(value, part);
  if (values.size() != 1)
    throw Error(ErrorCode::invalid_argument, fmt::format("--preprocess: \"{}\": scale is one number", part));
  result.scale = values[0];
}

void set_std(Preprocess& result, std::string_view value, std::string_view part) {
  result.std = parse_list(value, part);
  for (const float v : result.std)
    if (v == 0.0f)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--preprocess: \"{}\": std must not be zero", part));
}

using Text = std::string_view;
constexpr std::pair<Text, Setter> kKeys[] = {
    {"scale", set_scale},
    {"mean", [](Preprocess& p, Text value, Text part) { p.mean = parse_list(value, part); }},
    {"std", set_std},
    {"resize", [](Preprocess& p, Text v, Text part) { p.reading.resize = parse_sides(v, part, true); }},
    {"crop", [](Preprocess& p, Text v, Text part) { p.reading.crop = parse_sides(v, part, false); }},
    {"order", [](Preprocess& p, Text v, Text part) { p.reading.bgr = parse_bgr(v, part); }},
    {"rate", [](Preprocess& p, Text v, Text part) { p.reading.rate = parse_size(v, part); }},
    {"hop", [](Preprocess& p, Text v, Text part) { p.reading.hop = parse_size(v, part); }},
};

/// Null where there is no such key.
Setter setter_of(std::string_view key) {
  for (const auto& [name, setter] : kKeys)
    if (name == key) return setter;
  return nullptr;
}

}  // namespace

std::vector<std::string> Reading::keys() const {
  std::vector<std::string> keys;
  if (resize) keys.emplace_back("resize");
  if (crop) keys.emplace_back("crop");
  if (bgr) keys.emplace_back("order");
  if (rate) keys.emplace_back("rate");
  if (hop) keys.emplace_back("hop");
  return keys;
}

Preprocess parse_preprocess(std::string_view text, const Preprocess& defaults) {
  Preprocess result = defaults;
  std::set<std::string_view> seen;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const Setter set = equals == std::string_view::npos ? nullptr : setter_of(key);
    if (!set)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--preprocess: \"{}\" is not scale=, mean= or std= with a value, nor resize=, "
                              "crop=, order=, rate= or hop=",
                              part));
    if (!seen.insert(key).second)
      throw Error(ErrorCode::invalid_argument, fmt::format("--preprocess: {} is given twice", key));
    set(result, part.substr(equals + 1), part);
  }
  return result;
}

std::int64_t channel_count(const Shape& sample, bool last) {
  return sample.rank() == 3 ? sample[last ? 2 : 0] : 1;
}

void require_channels(const Preprocess& preprocess, std::int64_t channels) {
  for (const auto* list : {&preprocess.mean, &preprocess.std})
    if (list->size() != 1 && static_cast<std::int64_t>(list->size()) != channels)
      throw Error(ErrorCode::shape_mismatch,
                  fmt::format("--preprocess: {} has {} values; images of {} channels take 1 or {}",
                              list == &preprocess.mean ? "mean" : "std", list->size(), channels, channels));
}

void apply(const Preprocess& preprocess, std::int64_t channels, std::span<float> sample, bool last) {
  if (preprocess.is_identity() || sample.empty()) return;
  const auto count = static_cast<std::size_t>(channels);
  const std::size_t plane = sample.size() / count;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const std::size_t channel = last ? i % count : i / plane;
    const float mean = preprocess.mean[preprocess.mean.size() == 1 ? 0 : channel];
    const float std = preprocess.std[preprocess.std.size() == 1 ? 0 : channel];
    sample[i] = (sample[i] * preprocess.scale - mean) / std;
  }
}

}  // namespace lowbit::data
