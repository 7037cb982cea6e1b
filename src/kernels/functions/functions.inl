// SPDX-License-Identifier: Apache-2.0
// The functions of function_kernel.h, written once over the vectors of simd/vec.inl. A kernel file chooses
// these by including a vec_<isa>.inl first, and ends in function_kernel().
#pragma once

#include "kernels/functions/recurrent_cells.inl"
#include "kernels/functions/sigmoids.inl"
#include "kernels/functions/softmax_row.inl"

namespace lowbit::kernels::functions {
namespace {

/// x + x P(x^2) up to 1, beyond 1 - e^Q(|x|).
inline VecF erf_of(VecF x) {
  constexpr float kSmall[] = {0x1.06eba2p-3f,  -0x1.812670p-2f, 0x1.ce0890p-4f,
                              -0x1.b59a92p-6f, 0x1.421a72p-8f,  -0x1.26a4acp-11f};
  constexpr float kLarge[] = {0x1.8b3ed6p-13f, -0x1.212c2cp+0f, -0x1.4434f8p-1f, -0x1.bc1868p-4f,
                              0x1.9d0a5ep-6f,  -0x1.139614p-8f, 0x1.cedef8p-12f, -0x1.6bf260p-16f};
  const VecF one = broadcast_f(1.0f), a = clamp_above(abs_f(x), broadcast_f(4.05f));
  const VecF small = fma_f(a, polynomial(mul_f(a, a), kSmall), a);
  const VecF large = sub_f(one, exp_of_nonpositive(polynomial(a, kLarge)));
  return with_sign(select_f(is_less(one, a), large, small), x);
}

/// x Phi(x). Up to 1.25 Phi(x) = 1/2 + x P(x^2), beyond Phi(-a) = e^(-a^2 / 2) Q((a - 4) / (a + 4)) / (a +
/// 4), right far below 0 as well, where 1 + erf cancels.
inline VecF gelu_of(VecF x) {
  constexpr float kMiddle[] = {0x1.98845p-2f,    -0x1.10577ep-4f, 0x1.46b6cp-7f,
                               -0x1.35ae02p-10f, 0x1.cb29e6p-14f, -0x1.b0d7c6p-18f};
  constexpr float kTail[] = {0x1.82b4bcp-1f, -0x1.373e3ap-1f, 0x1.8c6dbp-2f,   -0x1.7dff8ep-3f,
                             0x1.eebaa4p-5f, -0x1.ed292ap-8f, -0x1.c0bd66p-9f, 0x1.8fc71ap-10f};
  const VecF one = broadcast_f(1.0f), four = broadcast_f(4.0f), half = broadcast_f(0.5f);
  const VecF a = clamp_above(abs_f(x), broadcast_f(14.5f));
  const VecF square = mul_f(a, a), low = fma_f(a, a, negated(square));
  const VecF e = exp_of_sum(mul_f(square, negated(half)), mul_f(low, negated(half)));
  const VecF inverse = div_f(one, add_f(a, four));
  const VecF tail = mul_f(e, mul_f(polynomial(mul_f(sub_f(a, four), inverse), kTail), inverse));
  const VecF outside = select_f(is_less(x, broadcast_f(0.0f)), tail, sub_f(one, tail));
  const VecF middle = fma_f(x, polynomial(square, kMiddle), half);
  return mul_f(x, select_f(is_less(broadcast_f(1.25f), a), outside, middle));
}

/// (1 + tanh(u / 2)) / 2 is sigmoid(u); here u = x (c + d x^2), with what each rounding took, as e^u makes
/// much of it.
inline VecF gelu_tanh_of(VecF x) {
  const VecF c = broadcast_f(0x1.988454p+0f), c_low = broadcast_f(-0x1.857936p-25f);  // sqrt(8 / pi)
  const VecF d = broadcast_f(0x1.2444f2p-4f), d_low = broadcast_f(0x1.49b16ap-29f);   // 0.044715 times that
  const VecF square = mul_f(x, x), square_low = fma_f(x, x, negated(square));
  const VecF cubic = mul_f(d, square);
  const VecF cubic_low = fma_f(d_low, square, fma_f(d, square_low, fma_f(d, square, negated(cubic))));
  const VecF sum = add_f(c, cubic), back = sub_f(sum, c);
  const VecF sum_low = add_f(sub_f(c, sub_f(sum, back)), sub_f(cubic, back));
  const VecF u = mul_f(x, sum);
  const VecF low = fma_f(x, add_f(sum_low, add_f(cubic_low, c_low)), fma_f(x, sum, negated(u)));
  return mul_f(x, sigmoid_of_sum(u, low));
}

inline VecF silu_of(VecF x, VecF alpha) {
  const VecF u = mul_f(alpha, x);
  return mul_f(x, sigmoid_of_sum(u, fma_f(alpha, x, negated(u))));
}

/// max(x, 0) + ln(1 + e^-|x|), ln(1 + e) = e P(e).
inline VecF softplus_of(VecF x) {
  constexpr float kLog[] = {0x1.000000p+0f, -0x1.ffffd2p-2f, 0x1.554dd0p-2f, -0x1.ff23e8p-3f,
                            0x1.934b6ep-3f, -0x1.3a43e0p-3f, 0x1.b4b094p-4f, -0x1.d6b75ep-5f,
                            0x1.49211cp-6f, -0x1.af5e20p-9f};
  const VecF e = exp_of(negated(abs_f(x)));
  return fma_f(e, polynomial(e, kLog), clamp_below(x, broadcast_f(0.0f)));
}

inline VecF elu_of(VecF x, VecF alpha) {
  const VecF below = expm1_of(clamp_above(clamp_below(x, broadcast_f(-20.0f)), broadcast_f(0.0f)));
  return select_f(is_less(x, broadcast_f(0.0f)), mul_f(alpha, below), x);
}

inline VecF leaky_relu_of(VecF x, VecF alpha) {
  return select_f(is_less(x, broadcast_f(0.0f)), mul_f(alpha, x), x);
}

inline VecF hard_sigmoid_of(VecF x, VecF alpha, VecF beta) {
  const VecF y = clamp_below(add_f(mul_f(alpha, x), beta), broadcast_f(0.0f));
  return clamp_above(y, broadcast_f(1.0f));
}

template <class F>
inline void for_each(const float* x, std::size_t n, float* y, F f) {
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_f(y + i, f(load_f(x + i)));
  if (i == n) return;
  float rest[kLanes] = {};
  for (std::size_t k = i; k < n; ++k) rest[k - i] = x[k];
  store_f(rest, f(load_f(rest)));
  for (std::size_t k = i; k < n; ++k) y[k] = rest[k - i];
}

template <VecF (*kFunction)(VecF)>
void plain(const float* x, std::size_t n, float* y) {
  for_each(x, n, y, [&](VecF v) { return kFunction(v); });
}
template <VecF (*kFunction)(VecF, VecF)>
void with_alpha(const float* x, std::size_t n, float alpha, float* y) {
  const VecF a = broadcast_f(alpha);
  for_each(x, n, y, [a](VecF v) { return kFunction(v, a); });
}

void hard_sigmoid(const float* x, std::size_t n, float alpha, float beta, float* y) {
  const VecF a = broadcast_f(alpha), b = broadcast_f(beta);
  for_each(x, n, y, [a, b](VecF v) { return hard_sigmoid_of(v, a, b); });
}
void hard_swish(const float* x, std::size_t n, float alpha, float beta, float* y) {
  const VecF a = broadcast_f(alpha), b = broadcast_f(beta);
  for_each(x, n, y, [a, b](VecF v) { return mul_f(hard_sigmoid_of(v, a, b), v); });
}

constexpr FunctionKernel function_kernel(const char* name, Isa required) {
  return {name,
          required,
          plain<exp_of>,
          plain<erf_of>,
          plain<gelu_of>,
          plain<gelu_tanh_of>,
          plain<sigmoid_of>,
          plain<softplus_of>,
          plain<tanh_of>,
          with_alpha<elu_of>,
          with_alpha<leaky_relu_of>,
          with_alpha<silu_of>,
          hard_sigmoid,
          hard_swish,
          largest,
          exp_sum,
          softmax,
          lstm_cell,
          gru_cell,
          gru_reset,
          gru_update};
}

}  // namespace
}  // namespace lowbit::kernels::functions
