// SPDX-License-Identifier: Apache-2.0
// The weight families of the scheme grammar: one row each, from which parsing, printing, suggestions, listing
// and what is built follow. What makes the quantizer of a family is a row in quant/make_quantizer-inl.h; that
// there is one for each, in this order, is checked when it is compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "lowbit/core/config.h"
#include "lowbit/core/weight_kind.h"

namespace lowbit::detail {

/// A name in the grammar and the code width that it stands for (planes for binary).
struct WeightName {
  std::string_view name;
  int bits;
};

struct WeightFamily {
  WeightKind kind;
  std::span<const WeightName> names;  ///< of two equally near ones, the earlier is suggested
  bool integers = false;              ///< codes are integers: mapping and clip have a meaning
  bool signs = false;                 ///< codes are sign bits, which multiply sign activations, too
  bool groups = true;                 ///< whether scale groups of a chosen size are built
  std::uint32_t block = 0;            ///< the block size that the format prescribes; 0: none
  int widest_on_integers = 8;         ///< codes of more bits have no integer kernel and need -wo
  /// What known_schemes() has besides the plain name and -wo, where it is built.
  std::span<const std::string_view> forms{};
  /// What family_schemes() has of each name: these tokens, or the first of them alone for names of more bits
  /// than `samples_up_to`.
  std::span<const std::string_view> samples{};
  int samples_up_to = 8;
};

inline constexpr WeightName kIntegerNames[] = {{"int8", 8}, {"int7", 7}, {"int6", 6}, {"int5", 5},
                                               {"int4", 4}, {"int3", 3}, {"int2", 2}};
inline constexpr WeightName kKMeansNames[] = {{"kmeans2", 2}, {"kmeans3", 3}, {"kmeans4", 4}, {"kmeans8", 8}};
inline constexpr WeightName kQuantileNames[] = {{"quantile4", 4}};
inline constexpr WeightName kNf4Names[] = {{"nf4", 4}};
inline constexpr WeightName kFp4Names[] = {{"fp4", 4}};
inline constexpr WeightName kLogNames[] = {{"log4", 4}, {"log8", 8}};
inline constexpr WeightName kApotNames[] = {{"apot3", 3}, {"apot4", 4}, {"apot5", 5},
                                            {"apot6", 6}, {"apot7", 7}, {"apot8", 8}};
inline constexpr WeightName kTernaryNames[] = {{"ternary", 2}};
inline constexpr WeightName kTtqNames[] = {{"ttq", 2}};
inline constexpr WeightName kAbsMeanNames[] = {{"absmean", 2}};
inline constexpr WeightName kBinaryNames[] = {{"binary", 1}, {"binary2", 2}, {"binary3", 3}, {"binary4", 4}};
inline constexpr WeightName kFp8E4M3Names[] = {{"fp8e4m3", 8}};
inline constexpr WeightName kFp8E5M2Names[] = {{"fp8e5m2", 8}};
inline constexpr WeightName kMxFpNames[] = {{"mxfp4", 4}, {"mxfp6", 6}, {"mxfp8", 8}};
inline constexpr WeightName kMxIntNames[] = {{"mxint8", 8}};
inline constexpr WeightName kNvFp4Names[] = {{"nvfp4", 4}};

inline constexpr std::string_view kIntegerForms[] = {
    "-tensor",           "-g32",      "-asym",        "-g32-asym", "-mse", "-asym-mse", "-dynamic",
    "-g32-asym-dynamic", "-asymf-wo", "-asymf-mse-wo"};
inline constexpr std::string_view kTableForms[] = {"-g32", "-g64", "-g32-wo", "-g64-wo"};
inline constexpr std::string_view kSignForms[] = {"-a1", "-a1-dynamic"};
inline constexpr std::string_view kIntegerSamples[] = {"",          "-asym", "-asymf",
                                                       "-g32-asym", "-mse",  "-asymf-mse"};
inline constexpr std::string_view kNf4Samples[] = {"-g32", "-g64"};
inline constexpr std::string_view kFp4Samples[] = {"-g32"};
inline constexpr std::string_view kPlainSample[] = {""};

inline constexpr WeightFamily kWeightFamilies[] = {
    {.kind = WeightKind::affine,
     .names = kIntegerNames,
     .integers = true,
     .forms = kIntegerForms,
     .samples = kIntegerSamples,
     .samples_up_to = 4},
    {.kind = WeightKind::kmeans,
     .names = kKMeansNames,
     .widest_on_integers = 4,
     .forms = kTableForms,
     .samples = kPlainSample},
    {.kind = WeightKind::quantile, .names = kQuantileNames, .samples = kPlainSample},
    {.kind = WeightKind::nf4, .names = kNf4Names, .forms = kTableForms, .samples = kNf4Samples},
    {.kind = WeightKind::fp4, .names = kFp4Names, .forms = kTableForms, .samples = kFp4Samples},
    {.kind = WeightKind::log, .names = kLogNames, .widest_on_integers = 4, .samples = kPlainSample},
    {.kind = WeightKind::apot, .names = kApotNames, .widest_on_integers = 6, .samples = kPlainSample},
    {.kind = WeightKind::ternary, .names = kTernaryNames, .samples = kPlainSample},
    {.kind = WeightKind::ttq, .names = kTtqNames, .groups = false, .samples = kPlainSample},
    {.kind = WeightKind::absmean, .names = kAbsMeanNames, .samples = kPlainSample},
    {.kind = WeightKind::binary,
     .names = kBinaryNames,
     .signs = true,
     .groups = false,
     .forms = kSignForms,
     .samples = kPlainSample},
    {.kind = WeightKind::fp8e4m3, .names = kFp8E4M3Names, .widest_on_integers = 0, .samples = kPlainSample},
    {.kind = WeightKind::fp8e5m2, .names = kFp8E5M2Names, .widest_on_integers = 0, .samples = kPlainSample},
    {.kind = WeightKind::mxfp,
     .names = kMxFpNames,
     .block = 32,
     .widest_on_integers = 6,
     .samples = kPlainSample},
    {.kind = WeightKind::mxint, .names = kMxIntNames, .block = 32, .samples = kPlainSample},
    {.kind = WeightKind::nvfp4, .names = kNvFp4Names, .block = 16, .samples = kPlainSample},
};

/// Whether `rows` has a row for every family, in the order of the table; Row has a member `kind`.
template <class Row, std::size_t N>
constexpr bool covers_weight_families(const Row (&rows)[N]) {
  if (N != std::size(kWeightFamilies)) return false;
  for (std::size_t i = 0; i < N; ++i)
    if (rows[i].kind != kWeightFamilies[i].kind) return false;
  return true;
}

/// How often `name` stands in the table.
constexpr int times_named(std::string_view name) {
  int count = 0;
  for (const WeightFamily& family : kWeightFamilies)
    for (const WeightName& known : family.names) count += known.name == name;
  return count;
}

constexpr bool weight_families_are_sound() {
  for (std::size_t i = 0; i < std::size(kWeightFamilies); ++i) {
    const WeightFamily& family = kWeightFamilies[i];
    if (static_cast<std::size_t>(family.kind) != i + 1)
      return false;  // in the order of WeightKind, fp32 left out
    if (family.names.empty() || family.samples.empty()) return false;
    for (const WeightName& name : family.names)
      if (times_named(name.name) != 1) return false;
  }
  return true;
}
static_assert(weight_families_are_sound(),
              "families stand in the order of WeightKind, and no name stands twice");
static_assert(std::size(kWeightFamilies) == kWeightKinds, "a WeightKind has no row in kWeightFamilies");

/// The row of a kind other than fp32.
constexpr const WeightFamily& weight_family(WeightKind kind) {
  return kWeightFamilies[static_cast<std::size_t>(kind) - 1];
}

}  // namespace lowbit::detail
