// SPDX-License-Identifier: Apache-2.0
// Which part of the grammar this build can quantize with.
#pragma once

#include <algorithm>

#include "lowbit/core/detail/weight_families.h"
#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/sentence.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::built {

// The name of the weights alone, with nothing but the mapping.
inline std::string weights_name(const Scheme& s, Mapping mapping = Mapping::symmetric) {
  Scheme weights;
  weights.weights = s.weights;
  weights.bits = s.bits;
  weights.mapping = mapping;
  return format_scheme(weights);
}

inline std::string missing_granularity(const Scheme& s, const detail::WeightFamily& family) {
  const Granularity g = s.granularity;
  if (family.block != 0 && g != per_channel() && g != per_group(family.block))
    return detail::sentence("another granularity than the blocks of {} of {}", family.block, weights_name(s));
  if (g.kind != Granularity::Kind::group) return "";
  if (!family.groups) return detail::sentence("groups of {} weights", family.names[0].name);
  if (g.group_size < 4 || g.group_size > 65536 || g.group_size % 4 != 0)
    return detail::sentence("groups of {} (a multiple of 4 from 4 to 65536 is)", g.group_size);
  return "";
}

inline std::string missing_activations(const Scheme& s, const detail::WeightFamily& family) {
  if (s.activation_bits == 0) return "";
  if (s.activation_bits == 1)
    return family.signs ? ""
                        : "1-bit activations for weights that are no sign bits (binary-a1 to binary4-a1 are)";
  if (s.activation_bits < 8 && s.dynamic)
    return detail::sentence("{}-bit activations with ranges found at run time", s.activation_bits);
  if (s.bits > family.widest_on_integers || s.mapping == Mapping::asymmetric_real)
    return detail::sentence("{} weights with 8-bit activations (with float activations, -wo, they are)",
                            weights_name(s, s.mapping));
  return "";
}

// What is missing, or an empty string.
inline std::string missing_part(const Scheme& s) {
  if (s.is_fp32()) return "";
  const detail::WeightFamily& family = detail::weight_family(s.weights);
  if (std::none_of(family.names.begin(), family.names.end(), [&](const auto& w) { return w.bits == s.bits; }))
    return detail::sentence("{}-bit weights of this family", s.bits);
  if (!family.integers && s.mapping != Mapping::symmetric)
    return "a zero point or offset for weights that are no integers";
  if (!family.integers && s.clip != Clip::minmax) return "clipping of weights that are no integers";
  const std::string granularity = missing_granularity(s, family);
  return granularity.empty() ? missing_activations(s, family) : granularity;
}

inline void add_built(std::vector<Scheme>& schemes, const Scheme& scheme) {
  if (missing_part(scheme).empty()) schemes.push_back(scheme);
}

}  // namespace detail::built

LOWBIT_INLINE std::string why_not_built(const Scheme& scheme) {
  using namespace detail::built;
  const std::string missing = missing_part(scheme);
  return missing.empty()
             ? ""
             : detail::sentence("scheme '{}' is not supported: {}", format_scheme(scheme), missing);
}

LOWBIT_INLINE void require_built(const Scheme& scheme) {
  const std::string reason = why_not_built(scheme);
  if (!reason.empty()) detail::throw_error(ErrorCode::not_built, reason);
}

LOWBIT_INLINE std::vector<Scheme> known_schemes() {
  using namespace detail::built;
  std::vector<Scheme> schemes = {Scheme{}};
  for (const detail::WeightFamily& family : detail::kWeightFamilies)
    for (const detail::WeightName& w : family.names) {
      add_built(schemes, w.name);
      add_built(schemes, detail::sentence("{}-wo", w.name));
      for (const std::string_view tokens : family.forms)
        add_built(schemes, detail::sentence("{}{}", w.name, tokens));
    }
  return schemes;
}

LOWBIT_INLINE std::vector<Scheme> family_schemes() {
  using namespace detail::built;
  std::vector<Scheme> schemes = {Scheme{}};
  for (const detail::WeightFamily& family : detail::kWeightFamilies)
    for (const detail::WeightName& w : family.names)
      for (const std::string_view tokens :
           family.samples.first(w.bits > family.samples_up_to ? 1 : family.samples.size())) {
        Scheme scheme(detail::sentence("{}{}", w.name, tokens));
        for (const int activation_bits : {0, 8}) {
          scheme.activation_bits = activation_bits;
          add_built(schemes, scheme);
        }
      }
  return schemes;
}

}  // namespace lowbit
LOWBIT_END_EXACT
