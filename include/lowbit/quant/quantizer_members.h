// SPDX-License-Identifier: Apache-2.0
// Optional members of quantizers are found by their names, so that a misspelt one would silently count as
// absent. These concepts notice what can be noticed: names close to those of the optional members, and
// members of the right name that cannot be called as they will be. Overloaded and private members go unseen.
#pragma once

#include <span>

#include "lowbit/core/qparams.h"
#include "lowbit/core/view.h"

namespace lowbit::detail {

template <class Q>
concept HasNearMissOfLevels = requires {
  &Q::level;
}
|| requires {
  &Q::Levels;
}
|| requires {
  &Q::get_levels;
}
|| requires {
  &Q::level_table;
};
template <class Q>
concept HasNearMissOfBind = requires {
  &Q::binds;
}
|| requires {
  &Q::Bind;
}
|| requires {
  &Q::bind_to;
};
template <class Q>
concept HasNearMissOfFitRange = requires {
  &Q::fit_ranges;
}
|| requires {
  &Q::fitRange;
}
|| requires {
  &Q::fit_Range;
}
|| requires {
  &Q::range_fit;
};
template <class Q>
concept HasNearMissOfMinifloat = requires {
  &Q::mini_float;
}
|| requires {
  &Q::miniFloat;
}
|| requires {
  &Q::minifloats;
}
|| requires {
  &Q::MiniFloat;
};
template <class Q>
concept HasNearMissOfScaleBits = requires {
  &Q::scaleBits;
}
|| requires {
  &Q::scale_bit;
}
|| requires {
  &Q::scales_bits;
}
|| requires {
  &Q::bits_of_scale;
};

template <class Q>
concept HasMisspeltMember = HasNearMissOfLevels<Q> || HasNearMissOfBind<Q> || HasNearMissOfFitRange<Q> ||
    HasNearMissOfMinifloat<Q> || HasNearMissOfScaleBits<Q>;

/// Whether an optional member exists and cannot be called on a const quantizer with the arguments that it
/// will get.
template <class Q>
concept HasMemberOfOtherSignature =
    (
        requires { &Q::levels; } && !requires(const Q& q) { q.levels(); }) ||
    (
        requires { &Q::bind; } && !requires(const Q& q, const MatrixView& m) { q.bind(m, m); }) ||
    (
        requires { &Q::fit_range; } && !requires(const Q& q) { q.fit_range(Range{}); }) ||
    (
        requires { &Q::minifloat; } && !requires(const Q& q) { q.minifloat(); }) ||
    (
        requires { &Q::scale_bits; } && !requires(const Q& q) { q.scale_bits(); });

}  // namespace lowbit::detail
