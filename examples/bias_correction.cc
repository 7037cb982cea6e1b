// SPDX-License-Identifier: Apache-2.0
// Bias correction by hand: weights of 3 bits shift the mean of each output by (Wq - W) E[x], which the bias
// can take back. E[x] of each layer comes from a capture on a few batches.
//   bias_correction net.onnx
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <Eigen/Dense>
#include <vector>

namespace {

// Stand-in for your own samples: any range of things that convert to lowbit::TensorView.
std::vector<lowbit::Tensor> make_batches(const lowbit::Shape& sample, int count, unsigned state) {
  std::vector<std::int64_t> dims{8};
  dims.insert(dims.end(), sample.dims().begin(), sample.dims().end());
  std::vector<lowbit::Tensor> batches;
  for (int i = 0; i < count; ++i)
    for (float& x : batches.emplace_back(lowbit::Shape(dims)).data)
      x = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
  return batches;
}

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// (W - Wq) E[x], one number for each output channel.
Eigen::VectorXd mean_shift(const lowbit::Tensor& w, const lowbit::LayerMoments& layer) {
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>> W(
      w.data.data(), w.shape[0], w.shape[1]);
  const Eigen::MatrixXf Wq = lowbit::dequantize(lowbit::quantize(W, lowbit::make_quantizer("int3")));
  const RowMajor difference = (W - Wq).cast<double>();
  const std::vector<double> mean = layer.input_mean();  // [groups][columns]
  const Eigen::Index rows = W.rows() / layer.groups();  // of each group
  Eigen::VectorXd shift(W.rows());
  for (Eigen::Index g = 0; g < layer.groups(); ++g)
    shift.segment(g * rows, rows) =
        difference.middleRows(g * rows, rows) *
        Eigen::Map<const Eigen::VectorXd>(mean.data() + g * layer.columns(), layer.columns());
  return shift;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    fmt::print(stderr, "usage: bias_correction NET.onnx\n");
    return 2;
  }
  auto fp32 = lowbit::load_onnx(argv[1]);
  const auto batches = make_batches(fp32.input_shape(), 16, 1), test = make_batches(fp32.input_shape(), 4, 2);

  lowbit::CaptureOptions options{.second_moments = lowbit::SecondMoments::none, .threads = 2};
  fmt::print("{} bytes at most\n", lowbit::capture_memory(fp32, options).peak());  // known before it runs
  auto stats = lowbit::capture(fp32, batches, options);

  lowbit::Graph corrected = fp32.graph();
  for (lowbit::Graph::Node& node : corrected.nodes) {
    if (!lowbit::ops::has_weights(node.op)) continue;
    const Eigen::VectorXd shift = mean_shift(lowbit::weight_matrix(node.op), stats.layer(node.name));
    std::visit(
        [&](auto& op) {
          if constexpr (requires { op.weight, op.bias; }) {
            op.bias.resize(static_cast<std::size_t>(shift.size()), 0.0f);
            Eigen::Map<Eigen::VectorXf>(op.bias.data(), shift.size()) += shift.cast<float>();
          }
        },
        node.op);
  }
  auto before = lowbit::compare(fp32, lowbit::quantize(fp32, {.scheme = "int3-wo"}), test);
  auto after = lowbit::compare(fp32, lowbit::quantize(lowbit::Model(corrected), {.scheme = "int3-wo"}), test);
  fmt::print("int3-wo: SQNR {:.1f} dB, with corrected biases {:.1f} dB\n", before.outputs[0].error.sqnr_db,
             after.outputs[0].error.sqnr_db);
  return after.outputs[0].error.sqnr_db > before.outputs[0].error.sqnr_db ? 0 : 1;
} catch (const lowbit::Error& e) {
  fmt::print(stderr, "{}\n", e.what());
  return 2;
}
