// SPDX-License-Identifier: Apache-2.0
// What RNN, GRU and LSTM have in common: inputs, directions, layouts, and the walk through time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "arrays/call.h"
#include "arrays/product.h"

namespace lowbit::arrays {

/// One of the functions that gates may have.
struct Activation {
  enum class Kind {
    affine,
    elu,
    hard_sigmoid,
    leaky_relu,
    relu,
    scaled_tanh,
    sigmoid,
    softplus,
    softsign,
    tanh,
    thresholded_relu
  };
  Kind kind = Kind::tanh;
  double alpha = 0, beta = 0;

  double operator()(double x) const;
};

struct Recurrence {
  std::int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, gates = 0, directions = 1;
  bool reverse = false;                   ///< the only direction is backwards
  bool by_batch = false;                  ///< 'layout' 1: the batch is the first axis
  bool has_cell = false;                  ///< input 6 and output 2
  float clip = 0;                         ///< of what goes into activations; 0: none
  std::vector<Activation> activations{};  ///< those of the first direction, then those of the second

  std::int64_t width() const { return gates * hidden; }
  std::size_t scratch_floats() const {
    return static_cast<std::size_t>(width() * (inputs + hidden + 2) + 3 * hidden);
  }
  double clipped(double x) const { return clip > 0 ? std::clamp<double>(x, -clip, clip) : x; }
};

/// What one step works on. It makes of the gates a new `h` (and `c`).
struct RecurrentStep {
  const Activation* activations;
  const float* x_gates;   ///< of the input, with their bias: gates after gates, `hidden` each
  float* h_gates;         ///< their bias only; what h adds is for the step to say
  const float* r;         ///< recurrence weights, transposed: [hidden, gates * hidden]
  const float* peephole;  ///< null if there is none
  float *h, *c, *spare;   ///< `hidden` each
};

/// Reads the operator's inputs and attributes; `functions` are the default activations of a direction.
Recurrence read_recurrence(const Call& call, std::int64_t gates,
                           const std::vector<Activation::Kind>& functions, bool has_cell);

std::vector<ArrayType> recurrence_outputs(const Call& call, const Recurrence& r);

/// Calls step(RecurrentStep) for each element of the batch at each time.
template <class Step>
void walk_time(const Recurrence& r, const Run& run, Step&& step);

namespace recurrence_detail {

inline const float* floats(const Run& run, std::size_t i) {
  return i < run.in.size() && run.in[i].is_present() ? run.in[i].floats : nullptr;
}

inline float* output(const Run& run, std::size_t i) {
  return i < run.out.size() && run.out[i].is_present() ? run.out[i].floats : nullptr;
}

inline void fill_from(float* to, const float* from, std::int64_t n) {
  if (from)
    std::copy_n(from, n, to);
  else
    std::fill_n(to, n, 0.0f);
}

}  // namespace recurrence_detail

template <class Step>
void walk_time(const Recurrence& r, const Run& run, Step&& step) {
  namespace detail = recurrence_detail;
  const std::int64_t n = r.hidden, width = r.width();
  auto* w = reinterpret_cast<float*>(run.scratch);
  float *recurrent = w + width * r.inputs, *x_gates = recurrent + width * n, *h_gates = x_gates + width;
  float *h = h_gates + width, *c = h + n, *spare = c + n;
  const float *bias = detail::floats(run, 3), *first_h = detail::floats(run, 5),
              *first_c = detail::floats(run, 6);
  const float* peephole = detail::floats(run, 7);
  float *y = detail::output(run, 0), *last_h = detail::output(run, 1), *last_c = detail::output(run, 2);
  const std::int64_t* lengths = run.in.size() > 4 && run.in[4].is_present() ? run.in[4].integers : nullptr;
  for (std::int64_t d = 0; d < r.directions; ++d) {
    transpose_matrix(run.in[1].floats + d * width * r.inputs, width, r.inputs, w);
    transpose_matrix(run.in[2].floats + d * width * n, width, n, recurrent);
    const bool backwards = r.reverse || d == 1;
    for (std::int64_t b = 0; b < r.batch; ++b) {
      const std::int64_t length = lengths ? std::clamp<std::int64_t>(lengths[b], 0, r.steps) : r.steps;
      const std::int64_t state = (r.by_batch ? b * r.directions + d : d * r.batch + b) * n;
      const auto line = [&](std::int64_t t) {
        return y +
               (r.by_batch ? (b * r.steps + t) * r.directions + d : (t * r.directions + d) * r.batch + b) * n;
      };
      detail::fill_from(h, first_h ? first_h + state : nullptr, n);
      if (r.has_cell) detail::fill_from(c, first_c ? first_c + state : nullptr, n);
      for (std::int64_t s = 0; s < length; ++s) {
        const std::int64_t t = backwards ? length - 1 - s : s;
        detail::fill_from(x_gates, bias ? bias + 2 * d * width : nullptr, width);
        detail::fill_from(h_gates, bias ? bias + (2 * d + 1) * width : nullptr, width);
        const float* x = run.in[0].floats + (r.by_batch ? b * r.steps + t : t * r.batch + b) * r.inputs;
        add_row_product(width, r.inputs, x, 1, w, width, x_gates);
        step(RecurrentStep{
            r.activations.data() + d * static_cast<std::int64_t>(r.activations.size()) / r.directions,
            x_gates, h_gates, recurrent, peephole ? peephole + d * 3 * n : nullptr, h, c, spare});
        if (y) std::copy_n(h, n, line(t));
      }
      for (std::int64_t t = length; y && t < r.steps; ++t) std::fill_n(line(t), n, 0.0f);
      if (last_h) std::copy_n(h, n, last_h + state);
      if (last_c && r.has_cell) std::copy_n(c, n, last_c + state);
    }
  }
}

}  // namespace lowbit::arrays
