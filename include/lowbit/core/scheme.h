// SPDX-License-Identifier: Apache-2.0
// Scheme: one grammar that names how weights and activations are quantized, used alike in C++, on the command
// line, in JSON, in file names and in benchmarks:
//
//   scheme      = "fp32" | weights {"-" token}     tokens in any order, each class once; defaults (*) omitted
//   weights     = int2..int8 | kmeans2|3|4|8 | quantile4 | nf4 | fp4 | log4 | log8 | apot3..8 | ternary | ttq
//               | absmean | binary | binary2..4 | fp8e4m3 | fp8e5m2 | mxfp4|6|8 | mxint8 | nvfp4
//   granularity = tensor | channel* | g<N>         mapping = sym* | asym | asymf
//   clip        = minmax* | mse | aciq | p99.9
//   activations = a8* | a<bits> | wo (weight-only, f32 activations)  [ "-dynamic" ]
//
// mxfp, mxint8 and nvfp4 have blocks of their own and take no granularity; log8 is base sqrt 2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/weight_kind.h"

namespace lowbit {

/// A parsed scheme; `parse_scheme(format_scheme(s)) == s`. Text goes where a scheme is asked for:
/// `{.scheme = "int8"}` throws as parse_scheme.
struct Scheme {
  Scheme() = default;
  Scheme(std::string_view text);
  Scheme(const std::string& text) : Scheme(std::string_view(text)) {}
  Scheme(const char* text) : Scheme(std::string_view(text)) {}

  WeightKind weights = WeightKind::fp32;
  int bits = 32;  ///< code width of the weights (planes for binary)
  Granularity granularity = per_channel();
  Mapping mapping = Mapping::symmetric;
  Clip clip = Clip::minmax;
  float percentile = 0.0f;  ///< for Clip::percentile
  int activation_bits = 8;  ///< 0: weight-only
  bool dynamic = false;     ///< activation ranges are found per row at run time

  bool is_fp32() const { return weights == WeightKind::fp32; }
  friend bool operator==(const Scheme&, const Scheme&) = default;
};

/// Throws Error(invalid_argument) naming the text and the nearest known scheme when it is not in the grammar.
Scheme parse_scheme(std::string_view text);
/// The canonical name: defaults omitted.
std::string format_scheme(const Scheme& scheme);
/// Empty when this build can quantize with the scheme; else the sentence that says what is not supported.
std::string why_not_built(const Scheme& scheme);
/// Throws Error(not_built) with that sentence.
void require_built(const Scheme& scheme);
/// The schemes that `lowbit schemes` lists: every weight family in its default form and the built variations.
std::vector<Scheme> known_schemes();
/// What `--scheme all` means: fp32, and one of every weight family (with the granularity that it is known
/// for, and int4 in several) as weight-only and, where there is an integer kernel, with 8-bit activations.
std::vector<Scheme> family_schemes();

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/detail/scheme_support-inl.h"
#include "lowbit/core/scheme-inl.h"
#endif
