// SPDX-License-Identifier: Apache-2.0
// Optimizers: what becomes of parameters by their gradients. Each step is a fixed sequence of operations for
// each number, so that a training gives the same bits again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lowbit/train/tape.h"

namespace lowbit {

enum class OptimizerKind : std::uint8_t {
  sgd,    ///< with momentum: v = momentum v + g; w -= rate v
  adam,   ///< Kingma, Ba, "Adam", ICLR 2015; weight decay is part of the gradient
  adamw,  ///< Loshchilov, Hutter, "Decoupled Weight Decay Regularization", ICLR 2019
};

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::sgd;
  double momentum = 0.9;                              ///< of sgd
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  ///< of adam and adamw
  /// Of weights alone: biases, factors of normalizations and steps between codes do not decay.
  double weight_decay = 0;
  double step_rate = 1;  ///< rate of the logarithms of steps, in that of the others
};

/// The schedule of a rate over steps: up in a straight line over the first `warm_up` of them, then down.
struct RateSchedule {
  enum class Kind : std::uint8_t {
    constant,
    cosine,  ///< to 0 at the end
    steps,   ///< a tenth of it from 1/2 of the way on, a hundredth from 3/4 on
  };
  Kind kind = Kind::cosine;
  double peak = 0.1;
  std::int64_t warm_up = 0, total = 1;

  /// Of step `i`, counted from 0.
  double rate(std::int64_t i) const;
};

class Optimizer {
 public:
  /// `parameters` live as long. Throws Error(invalid_argument) for an option that cannot be, which is named.
  Optimizer(std::span<const Parameter> parameters, const OptimizerOptions& options);

  void step(double rate);

  /// What it keeps from step to step: to store and to put back.
  struct Memory {
    std::int64_t steps = 0;
    std::vector<std::vector<float>> first{}, second{};  ///< per parameter: momentum; squares of adam
  };
  const Memory& memory() const { return memory_; }
  /// Throws Error(shape_mismatch) for that of other parameters.
  void restore(Memory memory);

 private:
  std::vector<Parameter> parameters_;
  OptimizerOptions options_;
  Memory memory_;
};

}  // namespace lowbit
