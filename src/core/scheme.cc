#include "lowbit/core/scheme.h"

#include <fmt/format.h>

#include <optional>

#include "core/scheme_names.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

constexpr detail::WeightName kWeightNames[] = {
    {"int8", WeightKind::affine, 8},     {"int7", WeightKind::affine, 7},
    {"int6", WeightKind::affine, 6},     {"int5", WeightKind::affine, 5},
    {"int4", WeightKind::affine, 4},     {"int3", WeightKind::affine, 3},
    {"int2", WeightKind::affine, 2},     {"kmeans2", WeightKind::kmeans, 2},
    {"kmeans3", WeightKind::kmeans, 3},  {"kmeans4", WeightKind::kmeans, 4},
    {"kmeans8", WeightKind::kmeans, 8},  {"quantile4", WeightKind::quantile, 4},
    {"nf4", WeightKind::nf4, 4},         {"fp4", WeightKind::fp4, 4},
    {"log4", WeightKind::log, 4},        {"log8", WeightKind::log, 8},
    {"apot3", WeightKind::apot, 3},      {"apot4", WeightKind::apot, 4},
    {"apot5", WeightKind::apot, 5},      {"apot6", WeightKind::apot, 6},
    {"apot7", WeightKind::apot, 7},      {"apot8", WeightKind::apot, 8},
    {"ternary", WeightKind::ternary, 2}, {"ttq", WeightKind::ttq, 2},
    {"absmean", WeightKind::absmean, 2}, {"binary", WeightKind::binary, 1},
    {"binary2", WeightKind::binary, 2},  {"binary3", WeightKind::binary, 3},
    {"binary4", WeightKind::binary, 4},  {"fp8e4m3", WeightKind::fp8e4m3, 8},
    {"fp8e5m2", WeightKind::fp8e5m2, 8}, {"mxfp4", WeightKind::mxfp, 4},
    {"mxfp6", WeightKind::mxfp, 6},      {"mxfp8", WeightKind::mxfp, 8},
    {"mxint8", WeightKind::mxint, 8},    {"nvfp4", WeightKind::nvfp4, 4},
};

// Digits only, no leading zero, at most `limit`.
std::optional<int> parse_count(std::string_view text, int limit) {
  if (text.empty() || text.size() > 7 || text[0] == '0') return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value <= limit ? std::optional(value) : std::nullopt;
}

// "99.9": a percentile from 50 up to but not including 100, with at most seven decimals. Independent of the
// locale.
std::optional<float> parse_percentile(std::string_view text) {
  const std::size_t point = text.find('.');
  const auto whole = parse_count(text.substr(0, point), 99);
  if (!whole || *whole < 50) return std::nullopt;
  if (point == text.npos) return static_cast<float>(*whole);
  const std::string_view decimals = text.substr(point + 1);
  if (decimals.empty() || decimals.size() > 7) return std::nullopt;
  double value = *whole, power = 1;
  for (const char c : decimals) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
    power *= 10;
  }
  const float result = static_cast<float>(value / power);
  return result < 100.0f ? std::optional(result) : std::nullopt;
}

enum class TokenClass { none, granularity, mapping, clip, activations, dynamic };
constexpr const char* kClassNames[] = {"", "granularity", "mapping", "clip", "activations", "dynamic"};

TokenClass apply_token(std::string_view token, Scheme& s) {
  const auto set = [](auto& field, auto value, TokenClass c) {
    field = value;
    return c;
  };
  using enum TokenClass;
  if (token == "tensor") return set(s.granularity, per_tensor(), granularity);
  if (token == "channel") return set(s.granularity, per_channel(), granularity);
  if (token == "sym") return set(s.mapping, Mapping::symmetric, mapping);
  if (token == "asym") return set(s.mapping, Mapping::asymmetric, mapping);
  if (token == "asymf") return set(s.mapping, Mapping::asymmetric_real, mapping);
  if (token == "minmax") return set(s.clip, Clip::minmax, clip);
  if (token == "mse") return set(s.clip, Clip::mse, clip);
  if (token == "aciq") return set(s.clip, Clip::aciq, clip);
  if (token == "wo") return set(s.activation_bits, 0, activations);
  if (token == "dynamic") return set(s.dynamic, true, dynamic);
  if (token.starts_with('g'))
    if (const auto size = parse_count(token.substr(1), 1 << 20))
      return set(s.granularity, per_group(static_cast<std::uint32_t>(*size)), granularity);
  if (token.starts_with('a'))
    if (const auto bits = parse_count(token.substr(1), 8)) return set(s.activation_bits, *bits, activations);
  if (token.starts_with('p'))
    if (const auto p = parse_percentile(token.substr(1))) {
      s.percentile = *p;
      return set(s.clip, Clip::percentile, clip);
    }
  return none;
}

const detail::WeightName* find_weights(std::string_view name) {
  for (const detail::WeightName& w : kWeightNames)
    if (w.name == name) return &w;
  return nullptr;
}

// Fills `scheme`; returns what is wrong with the text, or an empty string.
std::string try_parse(std::string_view text, Scheme& scheme) {
  scheme = Scheme{};
  std::size_t end = std::min(text.find('-'), text.size());
  const std::string_view head = text.substr(0, end);
  if (head == "fp32") return end == text.size() ? "" : "fp32 takes no tokens";
  const detail::WeightName* weights = find_weights(head);
  if (!weights) return end == text.size() ? "?" : fmt::format("no weights are called '{}'", head);
  scheme.weights = weights->kind;
  scheme.bits = weights->bits;
  bool seen[6] = {};
  while (end < text.size()) {
    const std::size_t begin = end + 1;
    end = std::min(text.find('-', begin), text.size());
    const std::string_view token = text.substr(begin, end - begin);
    const auto c = static_cast<std::size_t>(apply_token(token, scheme));
    if (c == 0) return fmt::format("no token is called '{}'", token);
    if (seen[c]) return fmt::format("'{}' gives the {} a second time", token, kClassNames[c]);
    seen[c] = true;
  }
  if (scheme.dynamic && scheme.activation_bits == 0)
    return "weight-only activations are floats, never dynamic";
  return "";
}

}  // namespace

namespace detail {
std::span<const WeightName> weight_names() {
  return kWeightNames;
}
bool is_scheme(std::string_view text) {
  Scheme ignored;
  return try_parse(text, ignored).empty();
}
}  // namespace detail

Scheme parse_scheme(std::string_view text) {
  Scheme scheme;
  const std::string problem = try_parse(text, scheme);
  if (problem.empty()) return scheme;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("unknown scheme '{}'{}; did you mean '{}'?", text.substr(0, 80),
                          problem == "?" ? "" : ": " + problem, detail::nearest_scheme(text)));
}

std::string format_scheme(const Scheme& s) {
  if (s.is_fp32()) return "fp32";
  std::string name = "?";
  for (const detail::WeightName& w : kWeightNames)
    if (w.kind == s.weights && w.bits == s.bits) name = w.name;
  if (s.granularity.kind == Granularity::Kind::tensor) name += "-tensor";
  if (s.granularity.kind == Granularity::Kind::group) name += fmt::format("-g{}", s.granularity.group_size);
  if (s.mapping == Mapping::asymmetric) name += "-asym";
  if (s.mapping == Mapping::asymmetric_real) name += "-asymf";
  if (s.clip == Clip::mse) name += "-mse";
  if (s.clip == Clip::aciq) name += "-aciq";
  if (s.clip == Clip::percentile) name += fmt::format("-p{}", s.percentile);
  if (s.activation_bits == 0) return name + "-wo";
  if (s.activation_bits != 8) name += fmt::format("-a{}", s.activation_bits);
  if (s.dynamic) name += "-dynamic";
  return name;
}

}  // namespace lowbit
