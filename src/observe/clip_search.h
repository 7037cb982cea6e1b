// The search for the clip range with the least squared error, over a distribution given as bins.
#pragma once

#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/observe/float_histogram.h"

namespace lowbit::detail {

using Bin = FloatHistogram::Bin;

/// Expected squared error of affine quantization, from prefix sums of the moments of the bins.
class BinnedError {
 public:
  /// `bins` ascend and do not overlap.
  explicit BinnedError(const std::vector<Bin>& bins);
  /// Sum of squared errors when [min, max], which contains zero, is cut into `steps` steps.
  double operator()(double min, double max, int steps) const;

 private:
  struct Moments {
    double count, sum, squares;
  };
  Moments below(double x) const;

  const std::vector<Bin>& bins_;
  std::vector<Moments> prefix_;
};

/// The best pair of clip edges inside [min, max] (which contains zero) for `steps` + 1 codes.
Range search_clip_range(const BinnedError& error, Range full, int steps);

}  // namespace lowbit::detail
