// SPDX-License-Identifier: Apache-2.0
// One step of an LSTM and of a GRU behind their products, over the vectors of simd/vec.inl.
#pragma once

#include "kernels/functions/sigmoids.inl"

namespace lowbit::kernels::functions {
namespace {

/// `count` elements of a vector, the others 0; all of them are the common case.
inline VecF load_some(const float* p, std::size_t count) {
  if (count == kLanes) return load_f(p);
  float some[kLanes] = {};
  for (std::size_t i = 0; i < count; ++i) some[i] = p[i];
  return load_f(some);
}

inline void store_some(float* p, VecF v, std::size_t count) {
  if (count == kLanes) return store_f(p, v);
  float some[kLanes];
  store_f(some, v);
  for (std::size_t i = 0; i < count; ++i) p[i] = some[i];
}

void lstm_cell(const float* x, const float* r, std::size_t n, float* c, float* h) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t count = n - i < kLanes ? n - i : kLanes;
    const auto gate = [&](std::size_t which) {
      return add_f(load_some(x + which * n + i, count), load_some(r + which * n + i, count));
    };
    const VecF in = sigmoid_of(gate(0)), out = sigmoid_of(gate(1)), forget = sigmoid_of(gate(2));
    const VecF cell = fma_f(forget, load_some(c + i, count), mul_f(in, tanh_of(gate(3))));
    store_some(c + i, cell, count);
    store_some(h + i, mul_f(out, tanh_of(cell)), count);
  }
}

inline VecF mixed(VecF update, VecF h, VecF next) {
  return fma_f(update, sub_f(h, next), next);
}

void gru_cell(const float* x, const float* r, std::size_t n, float* h) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t count = n - i < kLanes ? n - i : kLanes;
    const auto of_x = [&](std::size_t which) { return load_some(x + which * n + i, count); };
    const auto of_h = [&](std::size_t which) { return load_some(r + which * n + i, count); };
    const VecF update = sigmoid_of(add_f(of_x(0), of_h(0))), reset = sigmoid_of(add_f(of_x(1), of_h(1)));
    const VecF next = tanh_of(fma_f(reset, of_h(2), of_x(2)));
    store_some(h + i, mixed(update, load_some(h + i, count), next), count);
  }
}

void gru_reset(const float* x, const float* h, std::size_t n, float* gates) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t count = n - i < kLanes ? n - i : kLanes;
    const auto gate = [&](std::size_t which) {
      return sigmoid_of(add_f(load_some(x + which * n + i, count), load_some(gates + which * n + i, count)));
    };
    const VecF update = gate(0), reset = gate(1);
    store_some(gates + i, update, count);
    store_some(gates + n + i, mul_f(reset, load_some(h + i, count)), count);
  }
}

void gru_update(const float* x, const float* r, const float* update, std::size_t n, float* h) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const std::size_t count = n - i < kLanes ? n - i : kLanes;
    const VecF next = tanh_of(add_f(load_some(x + i, count), load_some(r + i, count)));
    store_some(h + i, mixed(load_some(update + i, count), load_some(h + i, count), next), count);
  }
}

}  // namespace
}  // namespace lowbit::kernels::functions
