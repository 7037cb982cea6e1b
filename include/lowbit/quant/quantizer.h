// SPDX-License-Identifier: Apache-2.0
// The quantizer concept and AnyQuantizer. A quantizer is a plain aggregate of options with one method,
//   fit(values of a group, importance of each or empty) -> one of the types in groups.h
// and two properties, `code_bits()` and `granularity`. The type that fit returns selects the packed format.
// `values` may hold NaN and infinities, which a fit skips; the last group of a row may be shorter than the
// others. Weights of importance that are not positive and finite count as absent; only their ratios matter.
// What else a quantizer may have:
//   levels()                    the table of a quantizer whose fit returns ScaleGroup; needed there
//   bind(weights, importance)   -> AnyQuantizer: looks at the whole matrix before its groups are fitted
//   fit_range(Range)            what fit returns where that follows from the smallest and largest finite
//   value
//                               of the group (0 and 0 if it has none); an optional may be empty to say that
//                               it does not. Faster: the ranges of many groups are found at once
//   minifloat()                 the levels are those of this format (0 where that is not finite), codes its
//                               codes (minifloat.h); checked
//   scale_bits()                bits that a scale takes in storage, if it is neither fp16 nor f32. Scales of
//                               groups are then kept as fit returns them, not rounded to fp16
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include "lowbit/core/config.h"
#include "lowbit/core/granularity.h"
#include "lowbit/core/minifloat.h"
#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"
#include "lowbit/quant/groups.h"
#include "lowbit/quant/quantizer_members.h"

namespace lowbit {

/// What fit may return.
using AnyGroup = std::variant<AffineGroup, ScaleGroup, LutGroup, TernaryGroup, BinaryGroup>;
/// What fit_range may return, of consecutive groups.
using RangeFits = std::variant<std::vector<AffineGroup>, std::vector<ScaleGroup>>;

namespace detail {
template <class Group>
bool append(std::vector<Group>& fits, const Group& fit) {
  fits.push_back(fit);
  return true;
}
template <class Group>
bool append(std::vector<Group>& fits, const std::optional<Group>& fit) {
  if (fit) fits.push_back(*fit);
  return fit.has_value();
}
}  // namespace detail

namespace detail {
template <class Q>
concept HasFit = requires(const Q& q, std::span<const float> values, std::span<const float> importance) {
  { q.fit(values, importance) } -> std::convertible_to<AnyGroup>;
};
template <class Q>
concept HasGranularity = requires(const Q& q) {
  { q.granularity } -> std::convertible_to<Granularity>;
};
template <class Q>
concept HasCodeBits = requires(const Q& q) {
  { q.code_bits() } -> std::convertible_to<int>;
};
}  // namespace detail

/// Models: every quantizer of lowbit/quant, AnyQuantizer, and any user's type with these members.
template <class Q>
concept Quantizer =
    std::copy_constructible<Q> && detail::HasFit<Q> && detail::HasGranularity<Q> && detail::HasCodeBits<Q>;

/// A quantizer of any type, as a value; what make_quantizer returns and the out-of-line functions take.
class AnyQuantizer {
 public:
  template <class Q>
  requires(!std::same_as<Q, AnyQuantizer> && Quantizer<Q>)
      AnyQuantizer(const Q& q)  // implicit: any quantizer goes where an AnyQuantizer is asked for
      : granularity(q.granularity),
        bits_(q.code_bits()),
        fit_([q](auto v, auto i) -> AnyGroup { return q.fit(v, i); }) {
    static_assert(
        !detail::HasMisspeltMember<Q>,
        "the optional members of a quantizer are levels, bind, fit_range, minifloat and scale_bits; this "
        "type has one by a name close to those");
    static_assert(
        !detail::HasMemberOfOtherSignature<Q>,
        "levels(), bind(weights, importance), fit_range(Range), minifloat() or scale_bits() of this "
        "quantizer is there, but cannot be called so on a const object");
    if constexpr (requires { q.levels(); }) {
      const auto& table = q.levels();
      levels_.assign(std::begin(table), std::end(table));
    } else {
      static_assert(
          !std::same_as<decltype(q.fit(std::span<const float>(), std::span<const float>())), ScaleGroup>,
          "a quantizer whose fit returns ScaleGroup has a member levels()");
    }
    if constexpr (requires(const MatrixView& m) { q.bind(m, m); })
      bind_ = [q](const MatrixView& w, const MatrixView& i) -> AnyQuantizer { return q.bind(w, i); };
    if constexpr (requires { q.fit_range(Range{}); })
      fit_ranges_ = [q](std::span<const Range> ranges, RangeFits& fits) {
        using Fit = decltype(q.fit_range(Range{}));
        constexpr bool affine = std::convertible_to<AffineGroup, Fit>;
        using Group = std::conditional_t<affine, AffineGroup, ScaleGroup>;
        if (!std::holds_alternative<std::vector<Group>>(fits)) fits = std::vector<Group>();
        auto& of_type = std::get<std::vector<Group>>(fits);
        of_type.clear();
        for (const Range& range : ranges)
          if (!detail::append<Group>(of_type, q.fit_range(range))) return false;
        return true;
      };
    if constexpr (requires { q.minifloat(); }) minifloat_ = q.minifloat();
    if constexpr (requires { q.scale_bits(); }) scale_bits_ = q.scale_bits();
  }

  AnyGroup fit(std::span<const float> values, std::span<const float> importance) const {
    return fit_(values, importance);
  }
  /// Replaces `fits` by those of groups with these ranges; false where the quantizer has to see the values.
  bool fit_ranges(std::span<const Range> ranges, RangeFits& fits) const {
    return fit_ranges_ && fit_ranges_(ranges, fits);
  }
  int code_bits() const { return bits_; }
  /// Of ScaleGroup quantizers; else empty.
  const std::vector<float>& levels() const { return levels_; }
  /// Where the levels are those of a small float; it encodes faster than a search among them.
  std::optional<MiniFloat> minifloat() const { return minifloat_; }
  /// 0: scales of groups are fp16 where they can be, others f32.
  double scale_bits() const { return scale_bits_; }
  /// The quantizer for one matrix; itself unless the type has a bind of its own.
  AnyQuantizer bind(const MatrixView& weights, const MatrixView& importance) const {
    return bind_ ? bind_(weights, importance) : *this;
  }

  /// Of the quantizer that was wrapped; no option of its own.
  const Granularity granularity;

 private:
  int bits_;
  double scale_bits_ = 0;
  std::optional<MiniFloat> minifloat_;
  std::vector<float> levels_;
  std::function<AnyGroup(std::span<const float>, std::span<const float>)> fit_;
  std::function<bool(std::span<const Range>, RangeFits&)> fit_ranges_;
  std::function<AnyQuantizer(const MatrixView&, const MatrixView&)> bind_;
};

/// Smallest and largest finite value; {0, 0} if there are none.
Range finite_range(std::span<const float> values);

}  // namespace lowbit

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/quant/detail/group_ranges-inl.h"
#endif
