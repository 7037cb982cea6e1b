// SPDX-License-Identifier: Apache-2.0
#include "layers/batch_norm.h"

#include <cmath>
#include <cstddef>

namespace lowbit {

ops::ScaleShiftOp batch_norm(std::span<const double> gamma, std::span<const double> beta,
                             std::span<const double> mean, std::span<const double> variance, double epsilon,
                             std::ptrdiff_t& bad_channel) {
  ops::ScaleShiftOp op;
  bad_channel = -1;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    if (!(variance[c] + epsilon > 0) && bad_channel < 0) bad_channel = static_cast<std::ptrdiff_t>(c);
    const double scale = gamma[c] / std::sqrt(variance[c] + epsilon);
    op.scale.push_back(static_cast<float>(scale));
    op.shift.push_back(static_cast<float>(beta[c] - mean[c] * scale));
  }
  return op;
}

}  // namespace lowbit
