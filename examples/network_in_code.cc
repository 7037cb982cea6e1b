// SPDX-License-Identifier: Apache-2.0
// A small convolutional network written in code, quantized to int8 and run.
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <Eigen/Core>
#include <vector>

namespace {

// Stand-in for your trained weights.
lowbit::Tensor weights(const lowbit::Shape& shape) {
  lowbit::Tensor t(shape);
  static unsigned state = 1;
  for (float& v : t.data)
    v = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f - 0.5f;
  return t;
}

}  // namespace

int main() {
  using namespace lowbit;
  const std::vector<float> ones(16, 1.0f), zeros(16, 0.0f);
  const Eigen::MatrixXf head = Eigen::MatrixXf::Random(10, 16);

  Sequential block({16, 14, 14});
  block.add(nn::Conv2d{.weight = weights({16, 16, 3, 3}), .padding = 1}).add(nn::Relu{});

  const Model fp32 = Sequential({1, 28, 28})
                         .add(nn::Conv2d{.weight = weights({16, 1, 3, 3}), .stride = 2, .padding = 1})
                         .add(nn::BatchNorm{.gamma = ones, .beta = zeros, .mean = zeros, .variance = ones})
                         .add(nn::Relu{})
                         .add_residual(block)
                         .add(nn::GlobalAveragePool2d{})
                         .add(nn::Flatten{})
                         .add(nn::Linear{.weight = head, .bias = Eigen::VectorXf::Zero(10)})
                         .add(nn::Softmax{})
                         .model();

  const std::vector<Tensor> samples{weights({32, 1, 28, 28})};
  const Model int8 = quantize(fp32, calibrate(fp32, samples), {.scheme = "int8"});
  const ModelComparison r = compare(fp32, int8, samples);
  fmt::print("{}: SQNR {:.1f} dB, {} bytes in place of {}\n", describe_coverage(int8),
             r.outputs[0].error.sqnr_db, int8.stored_bytes(), fp32.stored_bytes());
}
