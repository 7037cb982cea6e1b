// Which part of the grammar this build can quantize with.
#include <fmt/format.h>

#include <algorithm>

#include "core/scheme_names.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

using Kind = Granularity::Kind;

// The block size that a format prescribes; 0: none.
std::uint32_t prescribed_block(const Scheme& s) {
  if (s.weights == WeightKind::mxfp || s.weights == WeightKind::mxint) return 32;
  return s.weights == WeightKind::nvfp4 ? 16 : 0;
}

// Whether no integer kernel takes such weights: tables of more than 16 levels that are not integers but for a
// factor.
bool needs_float_activations(const Scheme& s) {
  switch (s.weights) {
    case WeightKind::kmeans:
    case WeightKind::log:
      return s.bits > 4;
    case WeightKind::apot:
    case WeightKind::mxfp:
      return s.bits > 6;
    case WeightKind::fp8e4m3:
    case WeightKind::fp8e5m2:
      return true;
    default:
      return s.mapping == Mapping::asymmetric_real;
  }
}

std::string missing_granularity(const Scheme& s) {
  const Granularity g = s.granularity;
  if (const std::uint32_t block = prescribed_block(s);
      block != 0 && g != per_channel() && g != per_group(block))
    return fmt::format("another granularity than the blocks of {} of {}", block,
                       format_scheme({.weights = s.weights, .bits = s.bits}));
  if (g.kind != Kind::group) return "";
  if (s.weights == WeightKind::binary) return "groups of binary weights";
  if (s.weights == WeightKind::ttq) return "groups of ttq weights";
  if (g.group_size < 4 || g.group_size > 65536 || g.group_size % 4 != 0)
    return fmt::format("groups of {} (a multiple of 4 from 4 to 65536 is)", g.group_size);
  return "";
}

// What is missing, or an empty string.
std::string missing_part(const Scheme& s) {
  if (s.is_fp32()) return "";
  const bool affine = s.weights == WeightKind::affine;
  const auto names = detail::weight_names();
  if (std::none_of(names.begin(), names.end(),
                   [&](const auto& w) { return w.kind == s.weights && w.bits == s.bits; }))
    return fmt::format("{}-bit weights of this family", s.bits);
  if (!affine && s.mapping != Mapping::symmetric)
    return "a zero point or offset for weights that are no integers";
  if (!affine && s.clip != Clip::minmax) return "clipping of weights that are no integers";
  if (const std::string what = missing_granularity(s); !what.empty()) return what;
  if (s.activation_bits == 1) return "1-bit activations";
  if (s.activation_bits > 1 && s.activation_bits < 8 && s.dynamic)
    return fmt::format("{}-bit activations with ranges found at run time", s.activation_bits);
  if (s.activation_bits != 0 && needs_float_activations(s))
    return fmt::format("{} weights with 8-bit activations (with float activations, -wo, they are)",
                       format_scheme({.weights = s.weights, .bits = s.bits, .mapping = s.mapping}));
  return "";
}

}  // namespace

std::string why_not_built(const Scheme& scheme) {
  const std::string missing = missing_part(scheme);
  return missing.empty() ? ""
                         : fmt::format("scheme '{}' is not built yet: {}", format_scheme(scheme), missing);
}

void require_built(const Scheme& scheme) {
  const std::string reason = why_not_built(scheme);
  if (!reason.empty()) throw Error(ErrorCode::not_built, reason);
}

std::vector<Scheme> known_schemes() {
  std::vector<Scheme> schemes = {Scheme{}};
  const auto add = [&](std::string_view name, const char* tokens) {
    schemes.push_back(parse_scheme(fmt::format("{}{}", name, tokens)));
  };
  for (const detail::WeightName& w : detail::weight_names()) {
    const Scheme plain{.weights = w.kind, .bits = w.bits};
    if (missing_part(plain).empty()) schemes.push_back(plain);
    add(w.name, "-wo");
    if (w.kind == WeightKind::affine)
      for (const char* tokens : {"-tensor", "-g32", "-asym", "-g32-asym", "-mse", "-asym-mse", "-dynamic",
                                 "-g32-asym-dynamic", "-asymf-wo", "-asymf-mse-wo"})
        add(w.name, tokens);
    if (w.kind == WeightKind::kmeans || w.kind == WeightKind::nf4 || w.kind == WeightKind::fp4) {
      if (w.bits <= 4) add(w.name, "-g32"), add(w.name, "-g64");
      add(w.name, "-g32-wo"), add(w.name, "-g64-wo");
    }
  }
  return schemes;
}

std::vector<Scheme> family_schemes() {
  std::vector<Scheme> schemes = {Scheme{}};
  const auto add = [&](const std::string& text) {
    Scheme scheme = parse_scheme(text);
    for (const int activation_bits : {0, 8}) {
      scheme.activation_bits = activation_bits;
      if (missing_part(scheme).empty()) schemes.push_back(scheme);
    }
  };
  for (const detail::WeightName& w : detail::weight_names()) {
    const bool block_format = w.kind == WeightKind::nf4 || w.kind == WeightKind::fp4;
    add(fmt::format("{}{}", w.name, block_format ? "-g32" : ""));
    if (w.kind == WeightKind::nf4) add("nf4-g64");
    if (w.kind != WeightKind::affine || w.bits > 4) continue;
    for (const char* tokens : {"asym", "asymf", "g32-asym", "mse", "asymf-mse"})
      add(fmt::format("{}-{}", w.name, tokens));
  }
  return schemes;
}

}  // namespace lowbit
