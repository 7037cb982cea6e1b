// SPDX-License-Identifier: Apache-2.0
// ActivationRule: where the codes of an activation lie, and what becomes of that while it is trained. The
// node that rounds asks it; a new rule is a class here and a row in activation_rule.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/train/fake_quantization.h"
#include "lowbit/train/tape.h"
#include "train/loops/channel_loops.h"

namespace lowbit::train {

class ActivationRule {
 public:
  virtual ~ActivationRule() = default;
  /// For the next pass.
  virtual QParams qparams() const = 0;
  /// Whether observe() is to be called with the finite ends of each training batch, before qparams().
  virtual bool observes() const { return false; }
  virtual void observe(Range) {}
  /// `sums` over the batch, with the qparams of the forward pass; gradients are scaled by `scale`.
  virtual void backward(const RoundSums& sums, double scale) = 0;
  virtual std::vector<Parameter> parameters(const std::string& name) = 0;
  virtual std::vector<TrainingState> states(const std::string&) { return {}; }
};

/// Begins with `start`; codes go from 0 to codes.qmax.
std::unique_ptr<ActivationRule> make_activation_rule(const FakeQuantization& how, const QParams& start,
                                                     IntRange codes);

/// Which make_activation_rule() chooses from.
std::unique_ptr<ActivationRule> make_lsq_rule(const QParams& start, IntRange codes);
std::unique_ptr<ActivationRule> make_pact_rule(const QParams& start, IntRange codes);
std::unique_ptr<ActivationRule> make_lsq_plus_rule(const QParams& start, IntRange codes);
std::unique_ptr<ActivationRule> make_adaptive_rule(double part, const QParams& start, IntRange codes);

}  // namespace lowbit::train
