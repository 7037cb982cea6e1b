// SPDX-License-Identifier: Apache-2.0
// Recurrent networks: RNN, GRU and LSTM.
#include <algorithm>

#include "arrays/recurrence.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

using Kind = Activation::Kind;

template <class Step>
Prepared recurrent(const Call& call, const Recurrence& r, Step step) {
  return {recurrence_outputs(call, r),
          [r, step](const Run& run) { walk_time(r, run, [&](const RecurrentStep& s) { step(r, s); }); },
          r.scratch_floats() * sizeof(float)};
}

/// H = f(X W + H R + b).
void rnn_step(const Recurrence& r, const RecurrentStep& s) {
  const std::int64_t n = r.hidden;
  add_row_product(n, n, s.h, 1, s.r, n, s.h_gates);
  for (std::int64_t i = 0; i < n; ++i)
    s.h[i] =
        static_cast<float>(s.activations[0](r.clipped(static_cast<double>(s.x_gates[i]) + s.h_gates[i])));
}

/// Gates: update, reset, hidden. `resets_later`: what H gives is reset instead of H.
void gru_step(const Recurrence& r, const RecurrentStep& s, bool resets_later) {
  const std::int64_t n = r.hidden;
  add_row_product(2 * n, n, s.h, 1, s.r, 3 * n, s.h_gates);
  for (std::int64_t i = 0; i < 2 * n; ++i)
    s.h_gates[i] =
        static_cast<float>(s.activations[0](r.clipped(static_cast<double>(s.x_gates[i]) + s.h_gates[i])));
  const float *update = s.h_gates, *reset = s.h_gates + n;
  float* hidden = s.h_gates + 2 * n;
  for (std::int64_t i = 0; i < n; ++i) s.spare[i] = resets_later ? s.h[i] : reset[i] * s.h[i];
  add_row_product(n, n, s.spare, 1, s.r + 2 * n, 3 * n, hidden);
  for (std::int64_t i = 0; i < n; ++i) {
    const double from_h = resets_later ? static_cast<double>(reset[i]) * hidden[i] : hidden[i];
    const double next = s.activations[1](r.clipped(s.x_gates[2 * n + i] + from_h));
    s.h[i] = static_cast<float>((1.0 - update[i]) * next + static_cast<double>(update[i]) * s.h[i]);
  }
}

/// Gates: input, output, forget, cell.
void lstm_step(const Recurrence& r, const RecurrentStep& s, bool couples) {
  const std::int64_t n = r.hidden;
  add_row_product(4 * n, n, s.h, 1, s.r, 4 * n, s.h_gates);
  const Activation &f = s.activations[0], &g = s.activations[1], &h = s.activations[2];
  const auto gate = [&](std::int64_t at) { return static_cast<double>(s.x_gates[at]) + s.h_gates[at]; };
  for (std::int64_t i = 0; i < n; ++i) {
    const double before = s.c[i];
    const auto peeped = [&](int which, double cell) {
      return s.peephole ? s.peephole[which * n + i] * cell : 0;
    };
    const double in = f(r.clipped(gate(i) + peeped(0, before)));
    const double forget = couples ? 1 - in : f(r.clipped(gate(2 * n + i) + peeped(2, before)));
    const double cell = forget * before + in * g(r.clipped(gate(3 * n + i)));
    const double out = f(r.clipped(gate(n + i) + peeped(1, cell)));
    s.c[i] = static_cast<float>(cell);
    s.h[i] = static_cast<float>(out * h(cell));
  }
}

Prepared rnn(const Call& call) {
  return recurrent(call, read_recurrence(call, 1, {Kind::tanh}, false), rnn_step);
}

Prepared gru(const Call& call) {
  const bool resets_later = call.int_attribute("linear_before_reset", 0) != 0;
  return recurrent(
      call, read_recurrence(call, 3, {Kind::sigmoid, Kind::tanh}, false),
      [resets_later](const Recurrence& r, const RecurrentStep& s) { gru_step(r, s, resets_later); });
}

Prepared lstm(const Call& call) {
  const bool couples = call.int_attribute("input_forget", 0) != 0;
  return recurrent(call, read_recurrence(call, 4, {Kind::sigmoid, Kind::tanh, Kind::tanh}, true),
                   [couples](const Recurrence& r, const RecurrentStep& s) { lstm_step(r, s, couples); });
}

constexpr Function kRecurrentFunctions[] = {
    {"GRU", gru},
    {"LSTM", lstm},
    {"RNN", rnn},
};

}  // namespace

std::span<const Function> recurrent_functions() {
  return kRecurrentFunctions;
}

}  // namespace lowbit::arrays
