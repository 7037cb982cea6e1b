// SPDX-License-Identifier: Apache-2.0
// The layers of the demo network with their gradients, in plain Eigen, for the trainer only. An activation is
// a matrix of channels x (images * height * width): one column is one pixel, so that a convolution is im2col
// and a matrix product.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace lowbit::train {

using Matrix = Eigen::MatrixXf;

/// A batch of activations; `side` is both height and width.
struct Activation {
  Matrix values;  ///< channels x (images * side * side), images outermost, then rows
  int images = 0, side = 0;
};

/// A matrix that Adam trains.
struct Parameter {
  Matrix value, gradient, mean, square;

  Parameter() = default;
  explicit Parameter(Matrix initial);
  /// One step of Adam (Kingma, Ba 2015) with decoupled weight decay; `step` counts from 1.
  void update(float rate, float decay, int step);
};

/// 3x3 convolution, padding 1, no bias: the BatchNorm that follows has one. Weights: out x (9 * in),
/// tap-major.
class Conv3x3 {
 public:
  Conv3x3(int in, int out, int stride, std::uint64_t seed);
  Activation forward(const Activation& x);
  Activation backward(const Activation& gradient);

  Parameter weight;
  int in, out, stride;

 private:
  Matrix columns_;
  int images_ = 0, side_ = 0;
};

/// Batch normalization over each row, with running statistics for use after training.
class BatchNorm {
 public:
  explicit BatchNorm(int channels);
  Activation forward(Activation x, bool training);
  Activation backward(Activation gradient);

  static constexpr float kEpsilon = 1e-5f;
  Parameter gamma, beta;
  Eigen::VectorXf running_mean, running_variance;

 private:
  Matrix normalized_;
  Eigen::VectorXf inverse_deviation_;
};

class Relu {
 public:
  Activation forward(Activation x);
  Activation backward(Activation gradient) const;

 private:
  Matrix output_;
};

/// 2x2 max pooling with stride 2; an odd last row or column is left out.
class MaxPool2 {
 public:
  Activation forward(const Activation& x);
  Activation backward(const Activation& gradient) const;

 private:
  std::vector<Eigen::Index> source_;  // column of the largest value, for each output element
  int images_ = 0, side_ = 0;
};

/// Mean over the pixels of each channel: the result has side 1.
class GlobalAveragePool {
 public:
  Activation forward(const Activation& x);
  Activation backward(const Activation& gradient) const;

 private:
  int side_ = 0;
};

class Dense {
 public:
  Dense(int in, int out, std::uint64_t seed);
  Activation forward(const Activation& x);
  Activation backward(const Activation& gradient);

  Parameter weight, bias;

 private:
  Matrix input_;
};

}  // namespace lowbit::train
