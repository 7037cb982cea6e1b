// SPDX-License-Identifier: Apache-2.0
#include "recover/layer_judge.h"

#include <cmath>

#include "lowbit/quant/quantize.h"

namespace lowbit::detail {
namespace {

Eigen::VectorXd vector_of(const std::vector<double>& values) {
  return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

using Values = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Values values_of(const QuantizedMatrix& codes) {
  Values values(codes.rows, codes.cols);
  dequantize(codes, MutableMatrixView(values.data(), codes.rows, codes.cols));
  return values;
}

}  // namespace

TargetMoments::TargetMoments(const LayerMoments& m)
    : groups(m.groups()),
      columns(m.columns()),
      channels(m.channels()),
      input_mean(vector_of(m.input_mean())),
      target_mean(vector_of(m.target_mean())),
      target_squares(vector_of(m.target_squares())) {
  for (std::int64_t g = 0; g < groups; ++g)
    second.push_back(Eigen::Map<const Matrix>(m.second_moment(g).data(), columns, columns));
  target = Eigen::Map<const Matrix>(m.target_moment().data(), channels, columns);
}

double target_sqnr(const TargetMoments& m, const QuantizedMatrix& codes, const std::vector<float>& bias) {
  const Values values = values_of(codes);
  double signal = 0, error = 0;
  for (std::int64_t o = 0; o < m.channels; ++o) {
    const std::int64_t g = m.group_of(o);
    const Eigen::VectorXd q = values.row(o).transpose().cast<double>();
    const double b = bias.empty() ? 0.0 : static_cast<double>(bias[static_cast<std::size_t>(o)]);
    const double mean = q.dot(m.mean_of(g));
    // E(t - q y - b)^2
    const double e = m.target_squares[o] - 2 * m.target.row(o).dot(q) +
                     q.dot(m.second[static_cast<std::size_t>(g)] * q) +
                     b * (b + 2 * (mean - m.target_mean[o]));
    signal += m.target_squares[o];
    error += std::max(e, 0.0);
  }
  return 10 * std::log10(signal / std::max(error, 1e-300));
}

std::vector<float> bias_for(const TargetMoments& m, const QuantizedMatrix& codes) {
  const Values values = values_of(codes);
  std::vector<float> bias;
  for (std::int64_t o = 0; o < m.channels; ++o)
    bias.push_back(static_cast<float>(
        m.target_mean[o] - values.row(o).transpose().cast<double>().dot(m.mean_of(m.group_of(o)))));
  return bias;
}

}  // namespace lowbit::detail
