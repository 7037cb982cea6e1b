// SPDX-License-Identifier: Apache-2.0
// The distributions that tests of observers draw from, and the squared error of values themselves, in
// doubles.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"
#include "support/random.h"

namespace lowbit::testing {

struct Distribution {
  std::string name;
  std::function<float(Random&)> draw;
  bool outlier = false;  ///< the first value is 1e4
};

inline std::vector<float> draw(const Distribution& d, std::size_t n, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> v(n);
  for (auto& x : v) x = d.draw(random);
  if (d.outlier && n > 0) v[0] = 1e4f;
  return v;
}

inline float laplace(Random& r) {
  const double u = (double(r.next() >> 11) + 1) * 0x1p-53;
  const double magnitude = -std::log(u);
  return static_cast<float>(r.next() % 2 ? magnitude : -magnitude);
}

inline const std::vector<Distribution>& distributions() {
  static const std::vector<Distribution> all = {
      {"gaussian", [](Random& r) { return r.gaussian(); }},
      {"laplace", laplace},
      {"uniform", [](Random& r) { return r.uniform(); }},
      {"relu", [](Random& r) { return std::max(0.0f, r.gaussian() - 0.25f); }},
      {"bimodal", [](Random& r) { return (r.next() % 2 ? 3.0f : -2.0f) + 0.25f * r.gaussian(); }},
      {"outlier", [](Random& r) { return r.gaussian(); }, true},
      {"constant", [](Random&) { return 0.7f; }},
      {"zero", [](Random&) { return 0.0f; }},
      {"denormal", [](Random& r) { return r.gaussian() * 1e-39f; }},
      {"shifted", [](Random& r) { return r.gaussian() * 0.5f + 3; }},
      {"negative", [](Random& r) { return -std::fabs(r.gaussian()); }},
      {"heavy",
       [](Random& r) {
         const float g = r.gaussian();
         return g * g * g;
       }},
  };
  return all;
}

/// Mean squared error of the values themselves.
inline double measured_mse(const std::vector<float>& x, QParams q, IntRange codes) {
  double sum = 0;
  for (const float v : x) {
    const double code = std::clamp(std::nearbyint(double(v) / double(q.scale)) + q.zero_point,
                                   double(codes.qmin), double(codes.qmax));
    const double e = double(v) - (code - q.zero_point) * double(q.scale);
    sum += e * e;
  }
  return x.empty() ? 0 : sum / double(x.size());
}

}  // namespace lowbit::testing
