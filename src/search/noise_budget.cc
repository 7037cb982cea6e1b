// SPDX-License-Identifier: Apache-2.0
#include "search/noise_budget.h"

#include <algorithm>
#include <cmath>

namespace lowbit::detail {
namespace {

constexpr double kStep = 2, kClose = 1.06, kRecoveryGain = 1.5;
constexpr double kMostNoise = 1e3, kLeastNoise = 1e-12, kFirstNoise = 1e-2;

}  // namespace

double NoiseBudget::next(double limit) {
  double noise = kFirstNoise;
  if (passed_ && failed_) {
    noise = std::sqrt(*passed_ * *failed_);
  } else if (passed_) {
    noise = *passed_ * kStep;
  } else if (failed_) {
    noise = *failed_ / kStep;
  } else if (start_) {
    noise = *start_;
  } else if (!known_.empty()) {
    // Between the noisiest network that keeps the limit and the next that does not.
    double below = 0, above = 0;
    for (const auto& [n, drop] : known_) {
      if (n <= 0) continue;
      if (drop <= limit) below = std::max(below, n);
    }
    for (const auto& [n, drop] : known_)
      if (drop > limit && n > below && (above == 0 || n < above)) above = n;
    noise = below > 0 && above > 0 ? std::sqrt(below * above)
            : below > 0            ? below
            : above > 0            ? above / kStep
                                   : kFirstNoise;
  }
  return last_ = std::clamp(noise, kLeastNoise, kMostNoise);
}

void NoiseBudget::measured(double noise, double drop, double limit) {
  std::optional<double>& side = drop <= limit ? passed_ : failed_;
  // A pass at its budget says as much of the budget: no network between the two is smaller.
  const double at = drop <= limit ? std::max(noise, last_) : noise;
  side = !side ? at : drop <= limit ? std::max(*side, at) : std::min(*side, at);
  if (passed_ && failed_ && *passed_ >= *failed_) {
    // Noise and drop are no function of each other: the last word counts.
    (drop <= limit ? failed_ : passed_).reset();
  }
}

bool NoiseBudget::nudge() {
  if (is_settled()) return false;
  if (passed_ && (!failed_ || last_ < *failed_) && last_ > *passed_) {
    passed_ = last_;
  } else if (failed_ && last_ < *failed_) {
    failed_ = last_;
  } else {
    return false;
  }
  return last_ < kMostNoise && last_ > kLeastNoise;
}

bool NoiseBudget::is_settled() const {
  return (passed_ && failed_ && *failed_ / *passed_ < kClose) || (passed_ && *passed_ >= kMostNoise) ||
         (failed_ && *failed_ <= kLeastNoise);
}

void NoiseBudget::start_again() {
  if (passed_)
    start_ = *passed_ * kRecoveryGain;
  else if (failed_)
    start_ = *failed_;
  passed_.reset();
  failed_.reset();
}

}  // namespace lowbit::detail
