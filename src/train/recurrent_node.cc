// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU through time. Both passes compute the gates in double from the weights of now; the backward
// pass does so again, step by step, keeps them, and goes back through the steps (Werbos, "Backpropagation
// Through Time", 1990).
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/elementary.h"
#include "train/group_sums.h"
#include "train/step_node.h"

namespace lowbit::train {
namespace {

double real_of(float v) {
  return static_cast<double>(v);
}

class RecurrentNode final : public TapeNode {
 public:
  RecurrentNode(const ops::RecurrentOp& op, const NodeSpec& spec)
      : name_(spec.name),
        op_(op),
        states_(op.weight.shape[1]),
        width_(op.weight.shape[0]),
        items_(op.batch),
        steps_(spec.inputs[0]->shape[0] / op.batch),
        room_(steps_ * (width_ + states_) + 2 * (states_ + width_)),
        tasks_(static_cast<std::size_t>(spec.concurrency)),
        weight_gradient_(op.weight.data.size()),
        bias_gradient_(op.bias.size()),
        sums_(static_cast<std::int64_t>(op.weight.data.size() + op.bias.size())) {
    for (const ValueType* in : spec.inputs) elements_.push_back(sample_elements(*in));
  }

  std::size_t scratch_bytes() const override {
    return tasks_ * static_cast<std::size_t>(room_) * sizeof(double);
  }
  std::size_t bytes() const override { return sums_.bytes(); }

  void forward(const ForwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t, std::int64_t first, std::int64_t last, std::int64_t task) {
                 const Room room = room_of(args.scratch, task);
                 for (std::int64_t s = first; s < last; ++s)
                   for (std::int64_t b = 0; b < items_; ++b)
                     run_steps(item_of(args.inputs, s, b), room, args.output.sample<float>(s));
               });
  }

  void backward(const BackwardArgs& args) noexcept override {
    for_groups(*args.executor, args.batch,
               [&](std::int64_t group, std::int64_t first, std::int64_t last, std::int64_t task) {
                 double* sums = sums_.start(group);
                 for (std::int64_t s = first; s < last; ++s)
                   backward_sample(args, s, room_of(args.scratch, task), sums);
               });
    const std::int64_t groups = SampleGroups(args.batch).count;
    std::int64_t at = 0;
    for (std::vector<float>* gradient : {&weight_gradient_, &bias_gradient_})
      for (float& g : *gradient) g = static_cast<float>(sums_.total(groups, at++));
  }

  std::vector<Parameter> parameters() override {
    std::vector<Parameter> all{
        {name_ + ".weight", op_.weight.shape, ParameterKind::weight, op_.weight.data, weight_gradient_}};
    if (!op_.bias.empty())
      all.push_back({name_ + ".bias", Shape{width_}, ParameterKind::bias, op_.bias, bias_gradient_});
    return all;
  }
  void update(ops::Op& op) const override {
    auto& to = std::get<ops::RecurrentOp>(op);
    to.weight = op_.weight, to.bias = op_.bias;
  }

 private:
  /// Of a task.
  struct Room {
    double* gates;                   ///< [step][gate][state], after their functions
    double* extra;                   ///< [step][state]: c of an LSTM, W h + b of the hidden gate of a GRU
    double *state, *cell, *product;  ///< [state]; product: [gate][state]
    double* change;                  ///< [gate][state], of sums
  };
  /// What an item of a sample begins with.
  struct Item {
    const float *x, *h, *c;  ///< h, c: null for zeros
    std::int64_t number;
  };

  bool is_lstm() const { return op_.cell == ops::Cell::lstm; }
  bool resets_first() const { return op_.cell == ops::Cell::gru_of_reset; }
  std::int64_t place(std::int64_t step) const { return op_.reverse ? steps_ - 1 - step : step; }

  Room room_of(std::byte* scratch, std::int64_t task) const {
    double* at = reinterpret_cast<double*>(scratch) + task * room_;
    const auto take = [&](std::int64_t n) { return std::exchange(at, at + n); };
    Room room{};
    room.gates = take(steps_ * width_), room.extra = take(steps_ * states_);
    room.state = take(states_), room.cell = take(states_);
    room.product = take(width_), room.change = take(width_);
    return room;
  }

  Item item_of(std::span<const ops::TensorArg> inputs, std::int64_t s, std::int64_t b) const {
    const auto state = [&](std::size_t i) {
      return inputs.size() > i ? inputs[i].sample<const float>(s) + b * states_ : nullptr;
    };
    return {inputs[0].sample<const float>(s) + b * width_, state(1), state(2), b};
  }

  /// product[k] = W[k] h + b[k] for the gates first to last - 1.
  void multiply(const double* h, std::int64_t first, std::int64_t last, double* product) const {
    for (std::int64_t k = first * states_; k < last * states_; ++k) {
      const float* row = op_.weight.data.data() + k * states_;
      double sum = op_.bias.empty() ? 0.0 : real_of(op_.bias[static_cast<std::size_t>(k)]);
      for (std::int64_t j = 0; j < states_; ++j) sum += real_of(row[j]) * h[j];
      product[k] = sum;
    }
  }

  /// Leaves the gates in the room, and h and c of the last step; writes `y` where it is not null.
  void run_steps(const Item& item, const Room& room, float* y) const {
    for (std::int64_t k = 0; k < states_; ++k) {
      room.state[k] = item.h ? real_of(item.h[k]) : 0.0;
      room.cell[k] = item.c ? real_of(item.c[k]) : 0.0;
    }
    for (std::int64_t i = 0; i < steps_; ++i) {
      const float* x = item.x + place(i) * items_ * width_;
      if (is_lstm())
        step_lstm(x, room, i);
      else
        step_gru(x, room, i);
      if (y) write(y, place(i), item.number, room.state);
    }
    if (!y) return;
    write(y, steps_, item.number, room.state);
    if (is_lstm()) write(y, steps_ + 1, item.number, room.cell);
  }

  void write(float* y, std::int64_t row, std::int64_t item, const double* from) const {
    float* to = y + (row * items_ + item) * states_;
    for (std::int64_t k = 0; k < states_; ++k) to[k] = static_cast<float>(from[k]);
  }

  void step_lstm(const float* x, const Room& room, std::int64_t i) const {
    const std::int64_t n = states_;
    double *gates = room.gates + i * width_, *cells = room.extra + i * n;
    multiply(room.state, 0, 4, room.product);
    for (std::int64_t k = 0; k < 4 * n; ++k) {
      const double sum = real_of(x[k]) + room.product[k];
      gates[k] = k < 3 * n ? elementary::sigmoid(sum) : elementary::tanh(sum);
    }
    for (std::int64_t k = 0; k < n; ++k) {
      room.cell[k] = cells[k] = gates[2 * n + k] * room.cell[k] + gates[k] * gates[3 * n + k];
      room.state[k] = gates[n + k] * elementary::tanh(cells[k]);
    }
  }

  void step_gru(const float* x, const Room& room, std::int64_t i) const {
    const std::int64_t n = states_;
    double *gates = room.gates + i * width_, *hidden = room.extra + i * n;
    multiply(room.state, 0, 2, room.product);
    for (std::int64_t k = 0; k < 2 * n; ++k) gates[k] = elementary::sigmoid(real_of(x[k]) + room.product[k]);
    // c has no use in a GRU: the state that was reset stands there.
    for (std::int64_t k = 0; k < n; ++k)
      room.cell[k] = resets_first() ? gates[n + k] * room.state[k] : room.state[k];
    multiply(room.cell, 2, 3, room.product);
    for (std::int64_t k = 0; k < n; ++k) {
      hidden[k] = room.product[2 * n + k];
      const double from_state = resets_first() ? hidden[k] : gates[n + k] * hidden[k];
      gates[2 * n + k] = elementary::tanh(real_of(x[2 * n + k]) + from_state);
      room.state[k] = (1 - gates[k]) * gates[2 * n + k] + gates[k] * room.state[k];
    }
  }

  void backward_sample(const BackwardArgs& args, std::int64_t s, const Room& room, double* sums) const {
    for (std::size_t i = args.input_gradients.size(); i-- > 0;)
      if (args.input_gradients[i].is_wanted()) clear_unless_added(args.input_gradients[i], s, elements_[i]);
    const auto to = [&](std::size_t i) {
      const bool wanted = i < args.input_gradients.size() && args.input_gradients[i].is_wanted();
      return wanted ? args.input_gradients[i].to.sample<float>(s) : nullptr;
    };
    const float *y = args.output.sample<const float>(s), *g = args.gradient.sample<const float>(s);
    for (std::int64_t b = 0; b < items_; ++b) {
      const Item item = item_of(args.inputs, s, b);
      run_steps(item, room, nullptr);
      const auto row = [&](const float* from, std::int64_t r) { return from + (r * items_ + b) * states_; };
      // From here on the gradients of h and c.
      for (std::int64_t k = 0; k < states_; ++k) {
        room.state[k] = real_of(row(g, steps_)[k]);
        room.cell[k] = is_lstm() ? real_of(row(g, steps_ + 1)[k]) : 0.0;
      }
      for (std::int64_t i = steps_; i-- > 0;) {
        for (std::int64_t k = 0; k < states_; ++k) room.state[k] += real_of(row(g, place(i))[k]);
        const float* before = i > 0 ? row(y, place(i - 1)) : item.h;
        float* dx = to(0) ? to(0) + (place(i) * items_ + b) * width_ : nullptr;
        if (is_lstm())
          back_lstm(item, room, i, before, dx, sums);
        else
          back_gru(room, i, before, dx, sums);
      }
      for (std::int64_t k = 0; k < states_; ++k) {
        if (to(1)) to(1)[b * states_ + k] += static_cast<float>(room.state[k]);
        if (to(2)) to(2)[b * states_ + k] += static_cast<float>(room.cell[k]);
      }
    }
  }

  /// Adds change[k] times what it was multiplied by to the gradient of W and b, and W^T change to `back`.
  template <class Read>
  void back_product(const double* change, std::int64_t first, std::int64_t last, Read&& read, double* back,
                    double* sums) const {
    for (std::int64_t k = first * states_; k < last * states_; ++k) {
      const float* row = op_.weight.data.data() + k * states_;
      double* to = sums + k * states_;
      for (std::int64_t j = 0; j < states_; ++j) {
        to[j] += change[k] * read(j);
        back[j] += real_of(row[j]) * change[k];
      }
      if (!op_.bias.empty()) sums[static_cast<std::int64_t>(weight_gradient_.size()) + k] += change[k];
    }
  }

  void add_inputs(const double* change, float* dx) const {
    for (std::int64_t k = 0; dx && k < width_; ++k) dx[k] += static_cast<float>(change[k]);
  }

  void back_lstm(const Item& item, const Room& room, std::int64_t i, const float* before, float* dx,
                 double* sums) const {
    const std::int64_t n = states_;
    const double *gates = room.gates + i * width_, *cells = room.extra + i * n;
    double* change = room.change;
    for (std::int64_t k = 0; k < n; ++k) {
      const double in = gates[k], out = gates[n + k], forget = gates[2 * n + k], cell = gates[3 * n + k];
      const double last = i > 0 ? cells[k - n] : item.c ? real_of(item.c[k]) : 0.0;
      const double limited = elementary::tanh(cells[k]), dh = room.state[k];
      const double dc = room.cell[k] + dh * out * (1 - limited * limited);
      change[k] = dc * cell * in * (1 - in);
      change[n + k] = dh * limited * out * (1 - out);
      change[2 * n + k] = dc * last * forget * (1 - forget);
      change[3 * n + k] = dc * in * (1 - cell * cell);
      room.cell[k] = dc * forget;
      room.state[k] = 0;
    }
    add_inputs(change, dx);
    back_product(
        change, 0, 4, [&](std::int64_t j) { return before ? real_of(before[j]) : 0.0; }, room.state, sums);
  }

  void back_gru(const Room& room, std::int64_t i, const float* before, float* dx, double* sums) const {
    const std::int64_t n = states_;
    const double *gates = room.gates + i * width_, *hidden = room.extra + i * n;
    double *change = room.change, *back = room.product;
    const auto last = [&](std::int64_t j) { return before ? real_of(before[j]) : 0.0; };
    for (std::int64_t k = 0; k < n; ++k) {
      const double update = gates[k], made = gates[2 * n + k], dh = room.state[k];
      change[k] = dh * (last(k) - made) * update * (1 - update);
      change[2 * n + k] = dh * (1 - update) * (1 - made * made);
      room.state[k] = dh * update;
      back[k] = 0;
    }
    if (resets_first()) {
      back_product(
          change, 2, 3, [&](std::int64_t j) { return gates[n + j] * last(j); }, back, sums);
      for (std::int64_t k = 0; k < n; ++k) {
        const double reset = gates[n + k];
        change[n + k] = back[k] * last(k) * reset * (1 - reset);
        room.state[k] += back[k] * reset;
      }
      add_inputs(change, dx);
    } else {
      for (std::int64_t k = 0; k < n; ++k) {
        const double reset = gates[n + k];
        change[n + k] = change[2 * n + k] * hidden[k] * reset * (1 - reset);
      }
      add_inputs(change, dx);
      for (std::int64_t k = 0; k < n; ++k) change[2 * n + k] *= gates[n + k];
      back_product(change, 2, 3, last, room.state, sums);
    }
    back_product(change, 0, 2, last, room.state, sums);
  }

  const std::string name_;
  ops::RecurrentOp op_;
  const std::int64_t states_, width_, items_, steps_, room_;  ///< room_: doubles of a task
  const std::size_t tasks_;
  std::vector<std::int64_t> elements_;  ///< of the inputs
  std::vector<float> weight_gradient_, bias_gradient_;
  GroupSums sums_;  ///< weights, biases
};

}  // namespace

std::unique_ptr<TapeNode> make_node(const ops::RecurrentOp& op, const NodeSpec& spec) {
  return std::make_unique<RecurrentNode>(op, spec);
}

}  // namespace lowbit::train
