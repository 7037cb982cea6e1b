// SPDX-License-Identifier: Apache-2.0
// How far a quantized network's outputs are from the original ones on the samples of a recovery that are kept
// aside: what steps that are about the whole network are judged by.
#pragma once

#include <vector>

#include "recover/recovery_samples.h"

namespace lowbit::detail {

class OutputJudge {
 public:
  /// `samples` must outlive it.
  OutputJudge(const Model& fp32, const RecoverySamples& samples, int threads);
  /// In dB, of all outputs together.
  double sqnr(const Model& model) const;

 private:
  std::vector<float> outputs(const Model& model) const;

  const RecoverySamples& samples_;
  int threads_;
  std::vector<float> reference_;
};

}  // namespace lowbit::detail
