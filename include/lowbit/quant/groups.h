// What a quantizer's `fit` returns for one group of weights. The TYPE selects the packed format, so that a
// user's own quantizer reaches the kernels without a switch over kinds: AffineGroup -> integer formats s8,
// u4, s2.
#pragma once

#include <cstdint>

namespace lowbit {

/// real = scale * (code - zero_point), code in [qmin, qmax]. `qmin, qmax` may be signed or unsigned; storage
/// follows from the width: more than 4 bits s8, 3 and 4 bits u4, 2 bits s2.
struct AffineGroup {
  float scale = 1.0f;
  std::int32_t zero_point = 0;
  std::int32_t qmin = -128, qmax = 127;
};

}  // namespace lowbit
