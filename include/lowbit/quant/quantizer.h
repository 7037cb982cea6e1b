// The quantizer concept and AnyQuantizer. A quantizer is a plain aggregate of options with one method,
//   fit(values of a group, importance of each or empty) -> AffineGroup (later: LutGroup, TernaryGroup,
//   BinaryGroup ...)
// and two properties, `code_bits()` and `granularity`. The codes [qmin, qmax] that fit returns must be as
// many as code_bits() can hold, with the zero point among them; `quantize` refuses others.
#pragma once

#include <concepts>
#include <functional>
#include <span>
#include <string_view>

#include "lowbit/core/granularity.h"
#include "lowbit/quant/groups.h"

namespace lowbit {

/// Models: Affine<Bits>, AnyQuantizer, and any user's type with these members.
template <class Q>
concept Quantizer = requires(const Q& q, std::span<const float> values, std::span<const float> importance) {
  { q.fit(values, importance) } -> std::same_as<AffineGroup>;
  { q.granularity } -> std::convertible_to<Granularity>;
  { q.code_bits() } -> std::convertible_to<int>;
};

/// A quantizer of any type, as a value; what make_quantizer returns and the out-of-line functions take.
class AnyQuantizer {
 public:
  template <class Q>
  requires(!std::same_as<Q, AnyQuantizer> && Quantizer<Q>)
      AnyQuantizer(const Q& q)  // implicit: any quantizer goes where an AnyQuantizer is asked for
      : granularity(q.granularity), bits_(q.code_bits()), fit_([q](auto v, auto i) { return q.fit(v, i); }) {}

  AffineGroup fit(std::span<const float> values, std::span<const float> importance) const {
    return fit_(values, importance);
  }
  int code_bits() const { return bits_; }

  Granularity granularity;

 private:
  int bits_;
  std::function<AffineGroup(std::span<const float>, std::span<const float>)> fit_;
};

struct Scheme;
/// The weight quantizer of a scheme: make_quantizer("int4-g32-asym"). Throws Error(not_built) or
/// Error(invalid_argument) as require_built and parse_scheme do; "fp32" has no quantizer and is refused.
AnyQuantizer make_quantizer(std::string_view scheme);
AnyQuantizer make_quantizer(const Scheme& scheme);

}  // namespace lowbit
