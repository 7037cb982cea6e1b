// SPDX-License-Identifier: Apache-2.0
// Gradients of a tape against central differences of the same network, interpreted in double.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "lowbit/train/tape.h"
#include "support/graph_interpreter.h"
#include "support/random.h"

namespace lowbit::testing {

inline std::vector<float> random_values(Random& random, std::int64_t n, float scale) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = scale * random.uniform();
  return v;
}

/// d f / d x at `x`, by steps of 2^-14; NaN where steps of a quarter of that give another number, as next to
/// a kink.
inline double central_difference(const std::function<double(double)>& f, double x) {
  const auto with = [&](double h) { return (f(x + h) - f(x - h)) / (2 * h); };
  const double wide = with(0x1p-14), narrow = with(0x1p-16);
  return std::fabs(wide - narrow) > 1e-5 * (std::fabs(narrow) + 1e-3) ? std::nan("") : narrow;
}

class GradientComparison {
 public:
  /// NaN: cannot be compared.
  void add(double tape, double numeric) {
    if (!std::isnan(numeric)) pairs_.emplace_back(tape, numeric);
  }
  /// How many were compared.
  std::size_t finish(const std::string& what) const {
    double squares = 0;
    for (const auto& [tape, numeric] : pairs_) squares += numeric * numeric;
    const double rms = pairs_.empty() ? 0 : std::sqrt(squares / static_cast<double>(pairs_.size()));
    for (const auto& [tape, numeric] : pairs_)
      EXPECT_NEAR(tape, numeric, 1e-4 * std::max(std::fabs(numeric), rms) + 1e-9) << what;
    return pairs_.size();
  }

 private:
  std::vector<std::pair<double, double>> pairs_;
};

struct Compared {
  std::size_t numbers = 0, all = 0;  ///< some lie next to kinks
};

/// A batch for every input of the graph, integers below `rows` where it has some, and what each element of
/// the outputs counts in the loss.
struct GradientCase {
  Graph graph;
  std::int64_t samples = 2, rows = 1;
};

/// The loss is the sum of outputs times random numbers. Checks `most` elements of each parameter and input.
inline Compared check_gradients(const GradientCase& given, Random& random, std::int64_t most = 4) {
  Compared compared;
  const Model model(given.graph);
  const Graph& graph = model.graph();
  Tape tape(model, {.batch = given.samples, .input_gradients = true});
  std::vector<Tensor> inputs;
  std::vector<std::vector<Sample>> samples(static_cast<std::size_t>(given.samples));
  for (const ValueId id : graph.inputs) {
    const Graph::Value& value = graph.values[static_cast<std::size_t>(id)];
    std::vector<std::int64_t> dims{given.samples};
    dims.insert(dims.end(), value.shape.dims().begin(), value.shape.dims().end());
    inputs.emplace_back(Shape(dims));
    for (float& x : inputs.back().data)
      x = value.element == ElementType::f32 ? random.uniform()
                                            : static_cast<float>(random.integer(0, given.rows - 1));
    const std::size_t n = static_cast<std::size_t>(value.shape.elements());
    for (std::size_t s = 0; s < samples.size(); ++s)
      samples[s].push_back(
          {value.shape,
           std::vector<double>(inputs.back().data.begin() + static_cast<std::ptrdiff_t>(s * n),
                               inputs.back().data.begin() + static_cast<std::ptrdiff_t>((s + 1) * n))});
  }
  const std::vector<TensorView> views(inputs.begin(), inputs.end());
  tape.forward(views);
  std::vector<std::vector<float>> factors;
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) {
    const MutableTensorView g = tape.output_gradient(o);
    factors.push_back(random_values(random, g.shape.elements(), 1.0f));
    for (std::int64_t e = 0; e < g.shape.elements(); ++e) {
      std::ptrdiff_t at = 0;
      std::int64_t rest = e;
      for (int axis = g.shape.rank(); axis-- > 0; rest /= g.shape[axis])
        at += rest % g.shape[axis] * g.strides[static_cast<std::size_t>(axis)];
      g.data[at] = factors.back()[static_cast<std::size_t>(e)];
    }
  }
  tape.backward();
  const auto loss_of = [&](const Graph& network, std::size_t s) {
    const std::vector<Sample> outputs = interpret(network, samples[s]);
    double sum = 0;
    for (std::size_t o = 0; o < outputs.size(); ++o)
      for (std::size_t e = 0; e < outputs[o].data.size(); ++e)
        sum += outputs[o].data[e] * static_cast<double>(factors[o][s * outputs[o].data.size() + e]);
    return sum;
  };
  for (const Parameter& p : tape.parameters()) {
    GradientComparison comparison;
    for (std::int64_t i = 0; i < most; ++i) {
      const auto e = static_cast<std::size_t>(random.integer(0, p.shape.elements() - 1));
      const float value = p.value[e];
      // Parameters are floats: the step is the one that was taken.
      const auto difference = [&](float h) {
        double sums[2], at[2];
        for (const int side : {0, 1}) {
          p.value[e] = side ? value + h : value - h;
          at[side] = static_cast<double>(p.value[e]);
          const Graph changed = tape.model().graph();
          sums[side] = 0;
          for (std::size_t s = 0; s < samples.size(); ++s) sums[side] += loss_of(changed, s);
        }
        p.value[e] = value;
        return (sums[1] - sums[0]) / (at[1] - at[0]);
      };
      const double wide = difference(0x1p-14f), narrow = difference(0x1p-16f);
      const bool kink = std::fabs(wide - narrow) > 1e-5 * (std::fabs(narrow) + 1e-3);
      comparison.add(static_cast<double>(p.gradient[e]), kink ? std::nan("") : narrow);
    }
    compared.numbers += comparison.finish(p.name);
    compared.all += static_cast<std::size_t>(most);
  }
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    if (graph.values[static_cast<std::size_t>(graph.inputs[i])].element != ElementType::f32) continue;
    const TensorView g = tape.input_gradient(i);
    GradientComparison comparison;
    for (std::int64_t k = 0; k < most; ++k) {
      const auto s = static_cast<std::size_t>(random.integer(0, given.samples - 1));
      std::vector<double>& data = samples[s][i].data;
      const std::int64_t e = random.integer(0, static_cast<std::int64_t>(data.size()) - 1);
      std::ptrdiff_t at = static_cast<std::ptrdiff_t>(s) * g.strides[0];
      std::int64_t rest = e;
      for (int axis = g.shape.rank(); axis-- > 1; rest /= g.shape[axis])
        at += rest % g.shape[axis] * g.strides[static_cast<std::size_t>(axis)];
      double& x = data[static_cast<std::size_t>(e)];
      const double before = x;
      const double numeric = central_difference(
          [&](double value) {
            x = value;
            const double loss = loss_of(graph, s);
            x = before;
            return loss;
          },
          before);
      comparison.add(static_cast<double>(g.data[at]), numeric);
    }
    compared.numbers += comparison.finish("input " + std::to_string(i));
    compared.all += static_cast<std::size_t>(most);
  }
  return compared;
}

}  // namespace lowbit::testing
