#include "lowbit/quant/quantizer.h"

#include <fmt/format.h>

#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/quant/affine.h"

namespace lowbit {
namespace {

// Affine<Bits> with the width known at run time only.
struct AffineOfScheme {
  Granularity granularity;
  Mapping mapping;
  Clip clip;
  int bits;

  int code_bits() const { return bits; }
  AffineGroup fit(std::span<const float> values, std::span<const float> importance) const {
    return detail::fit_affine(values, importance, bits, mapping, clip);
  }
};

}  // namespace

AnyQuantizer make_quantizer(const Scheme& scheme) {
  if (scheme.is_fp32())
    throw Error(ErrorCode::invalid_argument, "scheme 'fp32' quantizes nothing: it has no quantizer");
  require_built(scheme);
  return AffineOfScheme{scheme.granularity, scheme.mapping, scheme.clip, scheme.bits};
}

AnyQuantizer make_quantizer(std::string_view scheme) {
  return make_quantizer(parse_scheme(scheme));
}

}  // namespace lowbit
