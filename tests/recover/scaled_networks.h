// SPDX-License-Identifier: Apache-2.0
// Networks through which factors of channels move: random ones of all operators, and a good network of the
// kind of MobileNetV2 with the means to spoil it.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/model/graph.h"
#include "support/graph_interpreter.h"
#include "support/infinity.h"
#include "support/random.h"

namespace lowbit::testing {

class NetworkBuilder {
 public:
  explicit NetworkBuilder(const Shape& input, std::uint64_t seed = 1) : random(seed) {
    graph.inputs = {graph.add_value("x", input)};
  }

  /// Padded so that sizes stay where it is `same`.
  ValueId conv(ValueId in, std::int64_t out, std::int64_t kernel, bool same = true, std::int64_t groups = 1,
               ops::Activation activation = {}, ValueId residual = -1) {
    ops::Conv2dOp op;
    op.weight = Tensor(Shape{out, shape(in)[0] / groups, kernel, kernel});
    fill(op.weight, op.weight.shape.elements() / out);
    op.bias = biases(out);
    const std::int64_t pad = same ? kernel / 2 : 0;
    op.window = {
        .kernel = {kernel, kernel}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {pad, pad, pad, pad}};
    op.groups = groups;
    op.activation = activation;
    return add(op, residual < 0 ? std::vector{in} : std::vector{in, residual});
  }
  ValueId linear(ValueId in, std::int64_t out, ops::Activation activation = {}) {
    ops::LinearOp op;
    const Shape& s = shape(in);
    op.weight = Tensor(Shape{out, s[s.rank() - 1]});
    fill(op.weight, op.weight.shape[1]);
    op.bias = biases(out);
    op.activation = activation;
    return add(op, {in});
  }
  ValueId scale_shift(ValueId in, std::int64_t numbers) {
    ops::ScaleShiftOp op;
    for (std::int64_t i = 0; i < numbers; ++i) {
      op.scale.push_back(0.5f + std::fabs(random.uniform()));
      op.shift.push_back(random.uniform());
    }
    return add(op, {in});
  }
  /// Named by its operator and number: "Conv2d3".
  ValueId add(ops::Op op, const std::vector<ValueId>& in) {
    const std::string name = std::string(ops::op_name(op)) + std::to_string(graph.nodes.size());
    return graph.add_node(name, std::move(op), in);
  }
  const Shape& shape(ValueId id) const { return graph.values[static_cast<std::size_t>(id)].shape; }
  Graph done(std::vector<ValueId> outputs, bool fused) {
    graph.outputs = std::move(outputs);
    if (fused) fuse(graph);
    remove_dead_nodes(graph);
    return graph;
  }

  Graph graph;
  Random random;

 private:
  void fill(Tensor& weight, std::int64_t depth) {
    const float spread = std::sqrt(2.0f / static_cast<float>(depth));
    for (float& w : weight.data) w = random.gaussian() * spread;
  }
  std::vector<float> biases(std::int64_t n) {
    std::vector<float> b;
    for (std::int64_t i = 0; i < n; ++i) b.push_back(0.2f * random.gaussian());
    return b;
  }
};

inline constexpr ops::Activation kRelu{0.0f, kInf}, kRelu6{0.0f, 6.0f};

/// A dozen random operators on values of 8 x 8 and what becomes of them, then a classifier.
inline Graph random_network(std::uint64_t seed) {
  NetworkBuilder b({3, 8, 8}, seed);
  std::vector<ValueId> images{b.conv(b.graph.inputs[0], 6, 3, true, 1, kRelu)};
  const auto pick = [&] {
    return images[static_cast<std::size_t>(b.random.integer(0, std::int64_t(images.size()) - 1))];
  };
  const auto like = [&](ValueId a) {
    std::vector<ValueId> same;
    for (const ValueId v : images)
      if (b.shape(v) == b.shape(a)) same.push_back(v);
    return same[static_cast<std::size_t>(b.random.integer(0, std::int64_t(same.size()) - 1))];
  };
  const ops::Window pool{.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pad = {1, 1, 1, 1}};
  for (int i = 0; i < 12; ++i) {
    const ValueId a = pick();
    const std::int64_t channels = b.shape(a)[0];
    const ops::Activation activation = b.random.integer(0, 5) == 0 ? kRelu6 : kRelu;
    switch (b.random.integer(0, 13)) {
      case 0:
        images.push_back(b.conv(a, 4 + 2 * b.random.integer(0, 2), 3, true, 1, activation));
        break;
      case 1:
        images.push_back(b.conv(a, channels, 3, true, channels, activation));
        break;
      case 2:
        images.push_back(b.conv(a, 6, 1, true, 2));
        break;
      case 3:
        images.push_back(b.conv(a, channels, 3, true, 1, activation, like(a)));
        break;
      case 4:
        images.push_back(b.add(ops::AddOp{activation}, {a, like(a)}));
        break;
      case 5:
        images.push_back(b.add(ops::ClampOp{activation}, {a}));
        break;
      case 6:
        images.push_back(b.add(ops::MaxPoolOp{pool}, {a}));
        break;
      case 7:
        images.push_back(b.add(ops::AveragePoolOp{pool, false, b.random.integer(0, 1) == 0}, {a}));
        break;
      case 8:
        images.push_back(b.add(ops::ConcatOp{0}, {a, pick()}));
        break;
      case 9:
        images.push_back(b.scale_shift(a, b.random.integer(0, 1) ? channels : 1));
        break;
      case 10: {
        const std::int64_t taken = channels / 4 * 2;
        if (taken == 0) break;
        images.push_back(b.add(ops::SliceOp{{1, 0, 0}, {1, 1, 1}, {taken, 8, 8}}, {a}));
        break;
      }
      case 11:
        images.push_back(b.add(ops::FunctionOp{.function = b.random.integer(0, 1) ? ops::Function::abs
                                                                                  : ops::Function::leaky_relu,
                                               .alpha = 0.2f,
                                               .scale_after = b.random.integer(0, 1) ? 1.0f : 0.7f},
                               {a}));
        break;
      case 12: {
        ops::BinaryOp op{static_cast<ops::BinaryFunction>(b.random.integer(0, 5))};
        if (b.random.integer(0, 1)) {
          op.constant = Tensor(b.random.integer(0, 1) ? Shape{channels, 1, 1} : Shape{1, 1, 1});
          for (float& x : op.constant.data) x = 0.5f + std::fabs(b.random.uniform());
          images.push_back(b.add(op, {a}));
        } else if (op.function != ops::BinaryFunction::div) {  // of near zeros
          images.push_back(b.add(op, {a, like(a)}));
        }
        break;
      }
      default: {
        const float value = b.random.integer(0, 2) ? 0.0f : 0.5f;
        const ValueId padded = b.add(ops::PadOp{{0, 1, 0}, {2, 0, 1}, value}, {a});
        images.push_back(b.conv(padded, 6, 2, false, 1, kRelu));
        images.back() = b.add(ops::SliceOp{{0, 0, 0}, {1, 1, 1}, {6, 8, 8}}, {images.back()});
        break;
      }
    }
  }
  const ValueId last = images.back();
  ValueId flat;
  if (seed % 3 == 0) {
    flat = b.add(ops::FlattenOp{}, {last});
  } else if (seed % 3 == 1) {
    flat = b.add(ops::FlattenOp{}, {b.add(ops::GlobalAveragePoolOp{}, {last})});
  } else {  // each channel's pixels as a step of a sequence
    const ValueId steps = b.add(ops::ReshapeOp{{b.shape(last)[0], 64}}, {last});
    flat = b.add(ops::FlattenOp{}, {b.linear(b.linear(steps, 5, kRelu), 3)});
  }
  const ValueId hidden = b.linear(flat, 8, kRelu);
  std::vector<ValueId> outputs{b.add(ops::SoftmaxOp{}, {b.linear(hidden, 4)}), b.linear(hidden, 2)};
  if (seed % 4 == 0) outputs.push_back(pick());
  return b.done(outputs, seed % 2 == 0);
}

/// Inverted residual blocks: 1 x 1 up, 3 x 3 depthwise, 1 x 1 down, without activation behind the last.
inline Graph inverted_residuals(std::uint64_t seed, ops::Activation activation = kRelu) {
  NetworkBuilder b({3, 12, 12}, seed);
  ValueId x = b.conv(b.graph.inputs[0], 16, 3, true, 1, activation);
  for (int block = 0; block < 4; ++block) {
    const ValueId wide = b.conv(x, 48, 1, true, 1, activation),
                  deep = b.conv(wide, 48, 3, true, 48, activation);
    x = block == 0 ? b.conv(deep, 16, 1) : b.conv(deep, 16, 1, true, 1, {}, x);
  }
  x = b.conv(x, 64, 1, true, 1, activation);
  x = b.add(ops::FlattenOp{}, {b.add(ops::GlobalAveragePoolOp{}, {x})});
  return b.done({b.linear(x, 10)}, true);
}

inline Sample random_sample(const Shape& shape, Random& random) {
  Sample s{shape, {}};
  for (std::int64_t i = 0; i < shape.elements(); ++i) s.data.push_back(double{random.gaussian()});
  return s;
}

/// The norm of the difference as a share of that of `want`.
inline double relative_error(const std::vector<double>& want, const std::vector<double>& got) {
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    signal += want[i] * want[i];
    error += (want[i] - got[i]) * (want[i] - got[i]);
  }
  return std::sqrt(error / std::max(signal, 1e-300));
}

}  // namespace lowbit::testing
