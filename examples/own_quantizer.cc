// SPDX-License-Identifier: Apache-2.0
// A user's own quantizer: 15 levels that are the squares of -7 to 7 with their signs, dense around zero. It
// needs no place in lowbit: a matrix runs as a layer, with activations in 8 bits or as floats, and in a model
// the layers that a policy picks.
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <Eigen/Dense>
#include <cmath>
#include <vector>

struct SignedSquares {
  lowbit::Granularity granularity = lowbit::per_group(64);
  int code_bits() const { return 4; }
  std::vector<float> levels() const {
    std::vector<float> l;
    for (int i = -7; i <= 7; ++i) l.push_back(static_cast<float>(i * std::abs(i)) / 49);
    return l;
  }
  lowbit::ScaleGroup fit(std::span<const float> values, std::span<const float>) const {
    float largest = 0x1p-20f;  // a scale is positive, in a group of zeros too
    for (const float v : values) largest = std::fmax(largest, std::fabs(v));
    return {largest};
  }
};

int main() {
  const Eigen::MatrixXf W = Eigen::MatrixXf::Random(256, 512).array().cube();  // most weights are small
  const Eigen::MatrixXf X = Eigen::MatrixXf::Random(512, 32);                  // one sample per column

  auto q = lowbit::quantize(W, SignedSquares{});
  bool good = true;
  for (auto activations : {lowbit::dynamic_activations(8), lowbit::weight_only()}) {
    lowbit::Linear fc(q, {.activations = activations});
    auto e = lowbit::measure_error(W * X, fc(X));
    fmt::print("{:.2f} bits per weight, activations of {} bits: SQNR {:.1f} dB, kernel {}\n",
               q.bits_per_weight(), activations.bits == 0 ? 32 : activations.bits, e.sqnr_db, fc.kernel());
    good = good && e.sqnr_db > 15;
  }

  lowbit::ops::LinearOp hidden, head;
  hidden.weight = lowbit::Tensor(lowbit::Shape{256, 512});
  head.weight = lowbit::Tensor(lowbit::Shape{10, 256});
  lowbit::Tensor sample(lowbit::Shape{1, 512});
  for (auto* t : {&hidden.weight, &head.weight, &sample})
    Eigen::Map<Eigen::VectorXf>(t->data.data(), t->shape.elements()).setRandom();
  lowbit::Graph graph;
  graph.inputs = {graph.add_value("x", {512})};
  graph.outputs = {graph.add_node("head", head, {graph.add_node("hidden", hidden, graph.inputs)})};
  const lowbit::Model fp32(graph);
  const auto model = lowbit::quantize(
      fp32,
      {.scheme = "int8-dynamic", .weights = [](const lowbit::LayerContext& layer) -> lowbit::LayerWeights {
         if (layer.name == "head") return {};  // int8, as the scheme says
         return {.quantizer = SignedSquares{}, .label = "signed squares"};
       }});
  const auto r = lowbit::compare(fp32, model, std::vector{sample});
  fmt::print("{}: {:.2f} bits per weight, SQNR {:.1f} dB\n", lowbit::describe_coverage(model),
             model.bits_per_weight(), r.outputs[0].error.sqnr_db);
  return good && r.outputs[0].error.sqnr_db > 15 ? 0 : 1;
}
