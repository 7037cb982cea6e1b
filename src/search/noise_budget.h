// SPDX-License-Identifier: Apache-2.0
// NoiseBudget: which error of the outputs to try next, for the drop of accuracy to come just below its limit.
// The drop rises with the noise, more or less: a bracket is halved on a logarithmic scale.
#pragma once

#include <optional>
#include <utility>
#include <vector>

namespace lowbit::detail {

class NoiseBudget {
 public:
  /// A network with this noise has that drop: where to begin.
  void known(double noise, double drop) { known_.emplace_back(noise, drop); }
  double next(double limit);
  /// Of the network that was made for next().
  void measured(double noise, double drop, double limit);
  /// The last budget gave a network that was tried already: moves on; false where there is nowhere to go.
  bool nudge();
  bool is_settled() const;
  /// Networks are better now: the largest noise that passed is where to begin.
  void start_again();

 private:
  std::vector<std::pair<double, double>> known_;
  std::optional<double> passed_, failed_, start_;
  double last_ = 0;
};

}  // namespace lowbit::detail
