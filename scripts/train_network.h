// SPDX-License-Identifier: Apache-2.0
// The demo network, forward and backward, and its export to ONNX.
#pragma once

#include <string>
#include <vector>

#include "train_layers.h"

namespace lowbit::train {

/// Convolution and batch normalization.
struct ConvNorm {
  Conv3x3 conv;
  BatchNorm norm;

  ConvNorm(int in, int out, int stride, std::uint64_t seed) : conv(in, out, stride, seed), norm(out) {}
  Activation forward(const Activation& x, bool training) { return norm.forward(conv.forward(x), training); }
  Activation backward(Activation gradient) { return conv.backward(norm.backward(std::move(gradient))); }
};

/// 1x28x28 -> conv 16, Relu, max pool -> conv 32, Relu -> residual block of two convolutions of 32 -> conv 64
/// with stride 2, Relu -> global average pool -> 10 logits. Each convolution is 3x3 and followed by
/// BatchNorm.
struct Network {
  ConvNorm stem{1, 16, 1, 11}, widen{16, 32, 1, 12}, block1{32, 32, 1, 13}, block2{32, 32, 1, 14},
      down{32, 64, 2, 15};
  Dense head{64, 10, 16};

  Activation forward(const Activation& x, bool training);
  /// Takes the gradient of the logits; fills the gradient of every parameter.
  void backward(const Activation& gradient);
  std::vector<Parameter*> parameters();

 private:
  Relu stem_relu_, widen_relu_, block1_relu_, block2_relu_, down_relu_;
  MaxPool2 pool_;
  GlobalAveragePool average_;
};

/// Writes opset 13 with the BatchNorms unfolded and a symbolic batch dimension "N". False where the file
/// cannot be written.
bool export_onnx(const Network& network, const std::string& path);

}  // namespace lowbit::train
