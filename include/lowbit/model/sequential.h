// SPDX-License-Identifier: Apache-2.0
// Sequential: a network written in code, layer after layer, with the names that the field has for them.
//
//   const Model net = Sequential({1, 28, 28})
//                         .add(nn::Conv2d{.weight = w1, .bias = b1, .padding = 1})
//                         .add(nn::BatchNorm{.gamma = g, .beta = b, .mean = m, .variance = v})
//                         .add(nn::Relu{})
//                         .add(nn::MaxPool2d{.kernel = 2})
//                         .add(nn::Flatten{})
//                         .add(nn::Linear{.weight = W, .bias = b2})
//                         .model();
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/tensor.h"
#include "lowbit/core/view.h"
#include "lowbit/layers/ops.h"
#include "lowbit/model/graph.h"
#include "lowbit/model/model.h"

namespace lowbit {

namespace nn {

/// A copy of a layer's weight: of a Tensor, of a view of one, or of an Eigen matrix or expression of floats,
/// which is out x in.
class Weight {
 public:
  Weight() = default;
  Weight(const TensorView& view);
  Weight(const Tensor& t) : tensor_(t) {}
  Weight(Tensor&& t) : tensor_(std::move(t)) {}
  template <class M>
  requires(detail::EigenLike<M> || detail::EigenExpression<M>) Weight(const M& m) {
    static_assert(std::same_as<typename M::Scalar, float>,
                  "this weight is of another type than float: W.cast<float>() converts it");
    if constexpr (std::same_as<typename M::Scalar, float>) {
      const auto computed = m.eval();
      copy_matrix(MatrixView(computed));
    }
  }

  const Tensor& tensor() const { return tensor_; }
  const Shape& shape() const { return tensor_.shape; }

 private:
  void copy_matrix(const MatrixView& m);
  Tensor tensor_;
};

/// Height and width; one number is both.
struct Size2d {
  std::int64_t height, width;
  Size2d(std::int64_t both) : height(both), width(both) {}
  Size2d(std::int64_t h, std::int64_t w) : height(h), width(w) {}
};

/// Cross-correlation, as everywhere; depthwise where `groups` is the number of channels.
struct Conv2d {
  Weight weight{};    ///< [out][in / groups][kernel height][kernel width]
  VectorCopy bias{};  ///< [out], or empty
  Size2d stride = 1, padding = 0, dilation = 1;
  std::int64_t groups = 1;
};
/// W x + b: of the last dimension, whatever the others are.
struct Linear {
  Weight weight{};    ///< [out][in]
  VectorCopy bias{};  ///< [out], or empty
};
/// gamma (x - mean) / sqrt(variance + epsilon) + beta for each channel, as in inference. Folded into the
/// layer before where that is a product.
struct BatchNorm {
  VectorCopy gamma{}, beta{}, mean{}, variance{};  ///< [channels]
  double epsilon = 1e-5;
};
/// Of the last dimension; `bias` may be empty.
struct LayerNorm {
  VectorCopy weight{}, bias{};
  float epsilon = 1e-5f;
};

struct MaxPool2d {
  Size2d kernel = 2, stride = 0, padding = 0;  ///< a stride of 0 is the kernel
};
struct AveragePool2d {
  Size2d kernel = 2, stride = 0, padding = 0;  ///< a stride of 0 is the kernel
  bool count_include_pad = true;
};
/// C x H x W to C x 1 x 1.
struct GlobalAveragePool2d {};
/// To one dimension, in row-major order.
struct Flatten {};
struct Softmax {
  std::int64_t axis = -1;
};

struct Relu {};
struct Relu6 {};
struct LeakyRelu {
  float slope = 0.01f;
};
struct Sigmoid {};
struct Tanh {};
struct Gelu {};
struct Silu {};
struct HardSwish {};

}  // namespace nn

class Sequential {
 public:
  /// `input`: the shape of a sample, C x H x W, T x F or F. `name` is the input's.
  explicit Sequential(const Shape& input, std::string name = "input");

  /// Appends a layer; weights are copied. Nodes are called by their number and kind, "0_conv2d", unless
  /// `name` says otherwise. Throws Error(shape_mismatch) or Error(invalid_argument), naming the layer, where
  /// it does not fit what is there.
  Sequential& add(const nn::Conv2d& layer, std::string name = {});
  Sequential& add(const nn::Linear& layer, std::string name = {});
  Sequential& add(const nn::BatchNorm& layer, std::string name = {});
  Sequential& add(const nn::LayerNorm& layer, std::string name = {});
  Sequential& add(const nn::MaxPool2d& layer, std::string name = {});
  Sequential& add(const nn::AveragePool2d& layer, std::string name = {});
  Sequential& add(const nn::GlobalAveragePool2d& layer, std::string name = {});
  Sequential& add(const nn::Flatten& layer, std::string name = {});
  Sequential& add(const nn::Softmax& layer, std::string name = {});
  Sequential& add(const nn::Relu& layer, std::string name = {});
  Sequential& add(const nn::Relu6& layer, std::string name = {});
  Sequential& add(const nn::LeakyRelu& layer, std::string name = {});
  Sequential& add(const nn::Sigmoid& layer, std::string name = {});
  Sequential& add(const nn::Tanh& layer, std::string name = {});
  Sequential& add(const nn::Gelu& layer, std::string name = {});
  Sequential& add(const nn::Silu& layer, std::string name = {});
  Sequential& add(const nn::HardSwish& layer, std::string name = {});
  /// Any operator of lowbit/layers/ops.h with one input.
  Sequential& add(ops::Op op, std::string name = {});

  /// x + body(x), or shortcut(x) + body(x): a residual unit. `body` and `shortcut` begin with the shape that
  /// is there now (shape()) and end with one and the same.
  Sequential& add_residual(const Sequential& body, std::string name = {});
  Sequential& add_residual(const Sequential& body, const Sequential& shortcut, std::string name = {});

  /// Of a sample, behind the last layer.
  const Shape& shape() const;
  /// As written, before fusion.
  const Graph& graph() const { return graph_; }
  /// Fused, in fp32: calibrate and quantize it. Throws Error(invalid_argument) where there is no layer.
  Model model(std::string source = {}) const;

 private:
  template <class Make>
  Sequential& append(const char* kind, std::string name, Make&& make);
  /// Throws Error(invalid_argument) where two of these, or one of these and a value, have one name.
  void require_new(const std::vector<std::string>& names) const;
  ValueId inline_graph(const Graph& other, const std::string& prefix);

  Graph graph_;
  ValueId last_;
};

}  // namespace lowbit
