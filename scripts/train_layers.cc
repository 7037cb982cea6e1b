// SPDX-License-Identifier: Apache-2.0
#include "train_layers.h"

#include <cmath>

#include "data/glyph_strokes.h"

namespace lowbit::train {
namespace {

/// He initialization: normal with variance 2 / fan_in.
Matrix he_matrix(int rows, int cols, std::uint64_t seed) {
  data::GlyphRandom random(seed);
  const double deviation = std::sqrt(2.0 / cols);
  Matrix m(rows, cols);
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; ++c) m(r, c) = static_cast<float>(deviation * random.gaussian());
  return m;
}

/// Calls f(row block of the columns, output pixel, input pixel) for each tap that lies inside the image.
template <class F>
void for_each_tap(int images, int side, int stride, int channels, F f) {
  const int out_side = (side - 1) / stride + 1;
  for (int image = 0; image < images; ++image)
    for (int y = 0; y < out_side; ++y)
      for (int x = 0; x < out_side; ++x) {
        const Eigen::Index to = (static_cast<Eigen::Index>(image) * out_side + y) * out_side + x;
        for (int tap = 0; tap < 9; ++tap) {
          const int iy = y * stride + tap / 3 - 1, ix = x * stride + tap % 3 - 1;
          if (iy < 0 || ix < 0 || iy >= side || ix >= side) continue;
          f(tap * channels, to, (static_cast<Eigen::Index>(image) * side + iy) * side + ix);
        }
      }
}

}  // namespace

Parameter::Parameter(Matrix initial) : value(std::move(initial)) {
  gradient = mean = square = Matrix::Zero(value.rows(), value.cols());
}

void Parameter::update(float rate, float decay, int step) {
  constexpr float kBeta1 = 0.9f, kBeta2 = 0.999f;
  mean = kBeta1 * mean + (1 - kBeta1) * gradient;
  square.array() = kBeta2 * square.array() + (1 - kBeta2) * gradient.array().square();
  const float m = rate / (1 - std::pow(kBeta1, static_cast<float>(step)));
  const float v = 1 / (1 - std::pow(kBeta2, static_cast<float>(step)));
  value.array() -= rate * decay * value.array() + m * mean.array() / ((square.array() * v).sqrt() + 1e-8f);
}

Conv3x3::Conv3x3(int in_, int out_, int stride_, std::uint64_t seed)
    : weight(he_matrix(out_, 9 * in_, seed)), in(in_), out(out_), stride(stride_) {}

Activation Conv3x3::forward(const Activation& x) {
  images_ = x.images;
  side_ = x.side;
  const int out_side = (side_ - 1) / stride + 1;
  columns_.setZero(9 * in, static_cast<Eigen::Index>(images_) * out_side * out_side);
  for_each_tap(images_, side_, stride, in, [&](int row, Eigen::Index to, Eigen::Index from) {
    columns_.col(to).segment(row, in) = x.values.col(from);
  });
  return {weight.value * columns_, images_, out_side};
}

Activation Conv3x3::backward(const Activation& gradient) {
  weight.gradient.noalias() = gradient.values * columns_.transpose();
  const Matrix columns = weight.value.transpose() * gradient.values;
  Activation result{Matrix::Zero(in, static_cast<Eigen::Index>(images_) * side_ * side_), images_, side_};
  for_each_tap(images_, side_, stride, in, [&](int row, Eigen::Index to, Eigen::Index from) {
    result.values.col(from) += columns.col(to).segment(row, in);
  });
  return result;
}

BatchNorm::BatchNorm(int channels)
    : gamma(Matrix::Ones(channels, 1)),
      beta(Matrix::Zero(channels, 1)),
      running_mean(Eigen::VectorXf::Zero(channels)),
      running_variance(Eigen::VectorXf::Ones(channels)) {}

Activation BatchNorm::forward(Activation x, bool training) {
  Eigen::VectorXf mean = running_mean, variance = running_variance;
  if (training) {
    mean = x.values.rowwise().mean();
    variance = (x.values.colwise() - mean).rowwise().squaredNorm() / static_cast<float>(x.values.cols());
    running_mean += 0.1f * (mean - running_mean);
    running_variance += 0.1f * (variance - running_variance);
  }
  inverse_deviation_ = (variance.array() + kEpsilon).rsqrt();
  normalized_ = (x.values.colwise() - mean).array().colwise() * inverse_deviation_.array();
  x.values =
      (normalized_.array().colwise() * gamma.value.col(0).array()).colwise() + beta.value.col(0).array();
  return x;
}

Activation BatchNorm::backward(Activation gradient) {
  Matrix& g = gradient.values;
  gamma.gradient = g.cwiseProduct(normalized_).rowwise().sum();
  beta.gradient = g.rowwise().sum();
  const auto count = static_cast<float>(g.cols());
  const Eigen::ArrayXf scale = gamma.value.col(0).array() * inverse_deviation_.array();
  g.colwise() -= beta.gradient.col(0) / count;
  g.array() -= normalized_.array().colwise() * (gamma.gradient.col(0).array() / count);
  g.array().colwise() *= scale;
  return gradient;
}

Activation Relu::forward(Activation x) {
  x.values = x.values.cwiseMax(0.0f);
  output_ = x.values;
  return x;
}

Activation Relu::backward(Activation gradient) const {
  gradient.values.array() *= (output_.array() > 0).cast<float>();
  return gradient;
}

Activation MaxPool2::forward(const Activation& x) {
  images_ = x.images;
  side_ = x.side;
  const int half = side_ / 2;
  const Eigen::Index channels = x.values.rows();
  Activation y{Matrix(channels, static_cast<Eigen::Index>(images_) * half * half), images_, half};
  source_.resize(static_cast<std::size_t>(y.values.size()));
  for (Eigen::Index to = 0; to < y.values.cols(); ++to) {
    const Eigen::Index image = to / (half * half), row = to / half % half, col = to % half;
    const Eigen::Index corner = (image * side_ + 2 * row) * side_ + 2 * col;
    for (Eigen::Index c = 0; c < channels; ++c) {
      Eigen::Index best = corner;
      for (const Eigen::Index other : {corner + 1, corner + side_, corner + side_ + 1})
        if (x.values(c, other) > x.values(c, best)) best = other;
      y.values(c, to) = x.values(c, best);
      source_[static_cast<std::size_t>(to * channels + c)] = best;
    }
  }
  return y;
}

Activation MaxPool2::backward(const Activation& gradient) const {
  const Eigen::Index channels = gradient.values.rows();
  Activation result{Matrix::Zero(channels, static_cast<Eigen::Index>(images_) * side_ * side_), images_,
                    side_};
  for (Eigen::Index to = 0; to < gradient.values.cols(); ++to)
    for (Eigen::Index c = 0; c < channels; ++c)
      result.values(c, source_[static_cast<std::size_t>(to * channels + c)]) += gradient.values(c, to);
  return result;
}

Activation GlobalAveragePool::forward(const Activation& x) {
  side_ = x.side;
  const int pixels = side_ * side_;
  Activation y{Matrix(x.values.rows(), x.images), x.images, 1};
  for (int i = 0; i < x.images; ++i)
    y.values.col(i) = x.values.middleCols(i * pixels, pixels).rowwise().mean();
  return y;
}

Activation GlobalAveragePool::backward(const Activation& gradient) const {
  const int pixels = side_ * side_;
  Activation result{Matrix(gradient.values.rows(), gradient.images * pixels), gradient.images, side_};
  for (int i = 0; i < gradient.images; ++i)
    result.values.middleCols(i * pixels, pixels).colwise() =
        gradient.values.col(i) / static_cast<float>(pixels);
  return result;
}

Dense::Dense(int in, int out, std::uint64_t seed)
    : weight(he_matrix(out, in, seed)), bias(Matrix::Zero(out, 1)) {}

Activation Dense::forward(const Activation& x) {
  input_ = x.values;
  return {(weight.value * input_).colwise() + bias.value.col(0), x.images, 1};
}

Activation Dense::backward(const Activation& gradient) {
  weight.gradient.noalias() = gradient.values * input_.transpose();
  bias.gradient = gradient.values.rowwise().sum();
  return {weight.value.transpose() * gradient.values, gradient.images, 1};
}

}  // namespace lowbit::train
