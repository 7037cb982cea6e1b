// SPDX-License-Identifier: Apache-2.0
// Matrices of seeded Gaussian values, the same on every machine.
#pragma once

#include <Eigen/Core>
#include <cstdint>

#include "support/random.h"

namespace lowbit::testing {

inline Eigen::MatrixXf gaussian_matrix(Eigen::Index rows, Eigen::Index cols, std::uint64_t seed) {
  Random random(seed);
  Eigen::MatrixXf m(rows, cols);
  for (Eigen::Index i = 0; i < m.size(); ++i) m.data()[i] = random.gaussian();
  return m;
}

}  // namespace lowbit::testing
