// SPDX-License-Identifier: Apache-2.0
// The interface of the function kernels: functions of floats, element by element, and softmax of a row. Plain
// data, so that kernel files include nothing else.
//
// Each function is one sequence of roundings, fused multiply-adds where functions.inl says so, the same on
// every instruction set: all kernels give the same bits, except for those of NaNs. Sums of a row have a fixed
// order, sixteen partial sums, whatever the width of the registers is. Errors are given in units in the last
// place of the result; tests/kernels/function_kernel_test.cc measures them, at every
// 997th float.
//
// `y` may be `x`; no array needs an alignment. A NaN gives a NaN, and -0 keeps its sign where the function
// has it.
#pragma once

#include <cstddef>

#include "lowbit/kernels/isa.h"

namespace lowbit::kernels {

constexpr unsigned kPartialSums = 16;

struct FunctionKernel {
  const char* name;  ///< "functions/avx2"
  Isa required;
  void (*exp)(const float* x, std::size_t n, float* y);
  void (*erf)(const float* x, std::size_t n, float* y);
  /// x (1 + erf(x / sqrt 2)) / 2, and its approximation by tanh.
  void (*gelu)(const float* x, std::size_t n, float* y);
  void (*gelu_tanh)(const float* x, std::size_t n, float* y);
  void (*sigmoid)(const float* x, std::size_t n, float* y);
  void (*softplus)(const float* x, std::size_t n, float* y);
  void (*tanh)(const float* x, std::size_t n, float* y);
  /// x, or alpha (e^x - 1) below 0.
  void (*elu)(const float* x, std::size_t n, float alpha, float* y);
  /// x, or alpha x below 0.
  void (*leaky_relu)(const float* x, std::size_t n, float alpha, float* y);
  /// x sigmoid(alpha x).
  void (*silu)(const float* x, std::size_t n, float alpha, float* y);
  /// alpha x + beta, limited to [0, 1]; times x.
  void (*hard_sigmoid)(const float* x, std::size_t n, float alpha, float beta, float* y);
  void (*hard_swish)(const float* x, std::size_t n, float alpha, float beta, float* y);

  /// The largest element, of n > 0; NaNs are passed over where others are there.
  float (*largest)(const float* x, std::size_t n);
  /// y = exp(x - shift), for x <= shift; 0 where that is below the normal numbers. Returns the sum of y.
  float (*exp_sum)(const float* x, std::size_t n, float shift, float* y);
  /// y = exp(x) / sum of exp(x), of n > 0, by way of the two.
  void (*softmax)(const float* x, std::size_t n, float* y);

  /// One step of n cells. `x` and `r` are what the input and the state before give to each gate, one gate of
  /// n after the other: input, output, forget, cell. Makes `c` and `h` new.
  void (*lstm_cell)(const float* x, const float* r, std::size_t n, float* c, float* h);
  /// Gates: update, reset, hidden; the reset is of what the state gives to the hidden gate.
  void (*gru_cell)(const float* x, const float* r, std::size_t n, float* h);
  /// The same where the reset is of the state, in two halves. First the gates update and reset: `gates` is
  /// what the state gives to the two, and becomes update and reset times state. Then h, of what the reset
  /// state gives to the hidden gate; `x` is that gate's alone.
  void (*gru_reset)(const float* x, const float* h, std::size_t n, float* gates);
  void (*gru_update)(const float* x, const float* r, const float* update, std::size_t n, float* h);
};

extern const FunctionKernel kFunctionsAvx512, kFunctionsAvx2, kFunctionsNeon, kFunctionsScalar;

/// Every function kernel of this build, best first, the scalar one last. `*count` entries.
const FunctionKernel* const* function_kernels(std::size_t* count);
/// The first that `isa` allows.
const FunctionKernel& select_function_kernel(Isa isa);

}  // namespace lowbit::kernels
