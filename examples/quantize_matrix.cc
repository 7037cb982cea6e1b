// SPDX-License-Identifier: Apache-2.0
// Quantizes one weight matrix to 4 bits and runs it as a layer: what it costs in bits, and what it costs in
// accuracy.
#include <fmt/format.h>
#include <lowbit/lowbit.h>

#include <Eigen/Dense>

int main() {
  const Eigen::MatrixXf W = Eigen::MatrixXf::Random(256, 512);
  const Eigen::VectorXf b = Eigen::VectorXf::Random(256);
  const Eigen::MatrixXf X = Eigen::MatrixXf::Random(512, 32);  // one sample per column

  auto q = lowbit::quantize(
      W, lowbit::Affine<4>{.granularity = lowbit::per_group(32), .mapping = lowbit::Mapping::asymmetric});
  lowbit::Linear fc(q, {.bias = b, .activations = lowbit::dynamic_activations(8)});
  Eigen::MatrixXf Y = fc(X);
  auto e = lowbit::measure_error((W * X).colwise() + b, Y);

  fmt::print("{:.2f} bits per weight, SQNR {:.1f} dB, largest error {:.3f}, kernel {}\n", q.bits_per_weight(),
             e.sqnr_db, e.max, fc.kernel());
  return e.sqnr_db > 15 ? 0 : 1;
}
