// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "lowbit/core/detail/weight_families.h"
#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/core/sentence.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/ternary.h"

LOWBIT_BEGIN_EXACT
namespace lowbit {
namespace detail::family_quantizers {

// Affine<Bits> with the width known at run time only.
struct AffineOfScheme {
  Granularity granularity;
  Mapping mapping;
  Clip clip;
  float percentile;
  int bits;

  int code_bits() const { return bits; }
  AffineGroup fit(std::span<const float> values, std::span<const float> importance) const {
    return detail::fit_affine(values, importance, bits, mapping, clip, percentile);
  }
  std::optional<AffineGroup> fit_range(Range range) const {
    if (clip != Clip::minmax) return std::nullopt;
    return detail::fit_affine(range, bits, mapping, true);
  }
};

// f(std::integral_constant<int, bits>()) for `Bits` to 8 bits.
template <int Bits = 2, class F>
AnyQuantizer with_bits(int bits, const F& f) {
  if (bits == Bits) return f(std::integral_constant<int, Bits>());
  if constexpr (Bits < 8)
    return with_bits<Bits + 1>(bits, f);
  else
    detail::throw_error(ErrorCode::invalid_argument,
                        detail::sentence("there is no quantizer of {} bits", bits));
}

inline MiniFloat mx_element(int bits) {
  return bits == 8 ? MiniFloat::fp8_e4m3fn : bits == 6 ? MiniFloat::fp6_e2m3 : MiniFloat::fp4_e2m1;
}

/// What makes the quantizer of a family.
struct FamilyQuantizer {
  WeightKind kind;
  AnyQuantizer (*make)(const Scheme& scheme, Granularity granularity);
};

using S = const Scheme&;
using G = Granularity;

inline constexpr FamilyQuantizer kFamilyQuantizers[] = {
    {WeightKind::affine,
     [](S s, G g) -> AnyQuantizer {
       return AffineOfScheme{g, s.mapping, s.clip, s.percentile, s.bits};
     }},
    {WeightKind::kmeans,
     [](S s, G g) {
       return with_bits(s.bits, [&](auto bits) -> AnyQuantizer { return KMeans<bits.value>{g}; });
     }},
    {WeightKind::quantile,
     [](S s, G g) {
       return with_bits(s.bits, [&](auto bits) -> AnyQuantizer { return Quantile<bits.value>{g}; });
     }},
    {WeightKind::nf4, [](S, G g) -> AnyQuantizer { return Nf4{g}; }},
    {WeightKind::fp4, [](S, G g) -> AnyQuantizer { return Fp4{g}; }},
    {WeightKind::log,
     [](S s, G g) { return s.bits == 8 ? AnyQuantizer(LogSqrt2{g}) : AnyQuantizer(Log2<4>{g}); }},
    {WeightKind::apot,
     [](S s, G g) {
       return with_bits<3>(s.bits, [&](auto bits) -> AnyQuantizer { return Apot<bits.value>{g}; });
     }},
    {WeightKind::ternary, [](S, G g) -> AnyQuantizer { return Twn{g}; }},
    {WeightKind::ttq, [](S, G g) -> AnyQuantizer { return Ttq{g}; }},
    {WeightKind::absmean, [](S, G g) -> AnyQuantizer { return AbsMean{g}; }},
    {WeightKind::binary,
     [](S s, G g) -> AnyQuantizer {
       return Binary{g, s.bits};
     }},
    {WeightKind::fp8e4m3,
     [](S, G g) -> AnyQuantizer {
       return Fp8{MiniFloat::fp8_e4m3fn, g};
     }},
    {WeightKind::fp8e5m2,
     [](S, G g) -> AnyQuantizer {
       return Fp8{MiniFloat::fp8_e5m2, g};
     }},
    {WeightKind::mxfp, [](S s, G) -> AnyQuantizer { return MxFp{mx_element(s.bits)}; }},
    {WeightKind::mxint, [](S, G) -> AnyQuantizer { return MxInt8{}; }},
    {WeightKind::nvfp4, [](S, G) -> AnyQuantizer { return NvFp4{}; }},
};
static_assert(detail::covers_weight_families(kFamilyQuantizers),
              "a row for every family, in the order of core/weight_families.h");

}  // namespace detail::family_quantizers

LOWBIT_INLINE AnyQuantizer make_quantizer(const Scheme& scheme) {
  using namespace detail::family_quantizers;
  if (scheme.is_fp32())
    detail::throw_error(ErrorCode::invalid_argument, "scheme 'fp32' quantizes nothing: it has no quantizer");
  require_built(scheme);
  const auto family = static_cast<std::size_t>(scheme.weights) - 1;
  return kFamilyQuantizers[family].make(scheme, scheme.granularity);
}

}  // namespace lowbit
LOWBIT_END_EXACT
