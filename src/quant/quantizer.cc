#include "lowbit/quant/quantizer.h"

#include <fmt/format.h>

#include <type_traits>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"
#include "lowbit/quant/binary.h"
#include "lowbit/quant/block_float.h"
#include "lowbit/quant/codebook.h"
#include "lowbit/quant/ternary.h"

namespace lowbit {
namespace {

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

// f(std::integral_constant<int, bits>()) for 2 to 8 bits.
template <int Bits = 2, class F>
AnyQuantizer with_bits(int bits, const F& f) {
  if (bits == Bits) return f(std::integral_constant<int, Bits>());
  if constexpr (Bits < 8)
    return with_bits<Bits + 1>(bits, f);
  else
    throw Error(ErrorCode::invalid_argument, fmt::format("there is no quantizer of {} bits", bits));
}

AnyQuantizer log_quantizer(int bits, Granularity g) {
  if (bits == 8) return LogSqrt2{g};
  return Log2<4>{g};
}

AnyQuantizer apot_quantizer(int bits, Granularity g) {
  return with_bits(bits, [&](auto width) -> AnyQuantizer {
    if constexpr (width.value >= 3) return Apot<width.value>{g};
    return Apot<3>{g};
  });
}

MiniFloat mx_element(int bits) {
  return bits == 8 ? MiniFloat::fp8_e4m3fn : bits == 6 ? MiniFloat::fp6_e2m3 : MiniFloat::fp4_e2m1;
}

AnyQuantizer quantizer_of(const Scheme& s) {
  const Granularity g = s.granularity;
  switch (s.weights) {
    case WeightKind::kmeans:
      return with_bits(s.bits, [&](auto width) -> AnyQuantizer { return KMeans<width.value>{g}; });
    case WeightKind::quantile:
      return with_bits(s.bits, [&](auto width) -> AnyQuantizer { return Quantile<width.value>{g}; });
    case WeightKind::nf4:
      return Nf4{g};
    case WeightKind::fp4:
      return Fp4{g};
    case WeightKind::log:
      return log_quantizer(s.bits, g);
    case WeightKind::apot:
      return apot_quantizer(s.bits, g);
    case WeightKind::ternary:
      return Twn{g};
    case WeightKind::ttq:
      return Ttq{g};
    case WeightKind::absmean:
      return AbsMean{g};
    case WeightKind::binary:
      return Binary{g, s.bits};
    case WeightKind::fp8e4m3:
      return Fp8{MiniFloat::fp8_e4m3fn, g};
    case WeightKind::fp8e5m2:
      return Fp8{MiniFloat::fp8_e5m2, g};
    case WeightKind::mxfp:
      return MxFp{mx_element(s.bits)};
    case WeightKind::mxint:
      return MxInt8{};
    case WeightKind::nvfp4:
      return NvFp4{};
    case WeightKind::fp32:
    case WeightKind::affine:
      break;
  }
  return AffineOfScheme{g, s.mapping, s.clip, s.percentile, s.bits};
}

}  // namespace

AnyQuantizer make_quantizer(const Scheme& scheme) {
  if (scheme.is_fp32())
    throw Error(ErrorCode::invalid_argument, "scheme 'fp32' quantizes nothing: it has no quantizer");
  require_built(scheme);
  return quantizer_of(scheme);
}

AnyQuantizer make_quantizer(std::string_view scheme) {
  return make_quantizer(parse_scheme(scheme));
}

}  // namespace lowbit
