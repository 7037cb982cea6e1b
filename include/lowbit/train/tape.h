// SPDX-License-Identifier: Apache-2.0
// Tape: reverse mode over the graph of a model. A forward pass runs the operators that inference runs, with
// its FP32 kernels, and keeps every value; a backward pass goes through them in reverse and leaves the
// gradient of a loss for each trained number.
//
//   Tape tape(model, {.batch = 128, .threads = 2});
//   tape.forward(images);
//   const double loss = softmax_cross_entropy(tape.output(), labels, tape.output_gradient());
//   tape.backward();
//   for (Parameter& p : tape.parameters()) step(p.value, p.gradient);   // an optimizer: optimizer.h
//   save(tape.model(), "net.lowbit");
//
// With a quantized model beside the fp32 one, weights and activations are rounded to its codes in the forward
// pass, and quantized_model() has these codes.
//
// Sums over a batch are sums over groups of samples, added in the order of the groups, which do not depend on
// the number of threads: nor does a single bit of a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/shape.h"
#include "lowbit/core/view.h"
#include "lowbit/model/model.h"
#include "lowbit/runtime/executor.h"
#include "lowbit/train/fake_quantization.h"

namespace lowbit {

enum class ParameterKind : std::uint8_t {
  weight,    ///< of a product, or the rows of an Embedding
  bias,      ///< what is added: of a product, of a normalization
  factor,    ///< what a channel is multiplied by: of a normalization
  log_step,  ///< the natural logarithm of the step between codes, or of another scale
  offset,    ///< the real that code 0 of an activation stands for
  level,     ///< of a table that weights are taken from
};

/// Numbers that are trained together.
struct Parameter {
  std::string name;  ///< of the node, and its member: "conv1.weight"
  Shape shape;
  ParameterKind kind = ParameterKind::weight;
  std::span<float> value{}, gradient{};  ///< row-major; live as long as the tape
};

/// Numbers that change while training, but not by gradients: statistics of batch normalization.
struct TrainingState {
  std::string name;
  std::span<double> value{};
};

/// What is done about weights of int2 to int8 and ternary layers that go to and fro between two codes: Nagel
/// et al., "Overcoming Oscillations in Quantization-Aware Training", ICML 2022. Not for WeightSteps::dorefa.
struct OscillationControl {
  double dampening = 0;     ///< times the squared distance of weights from their codes is added to the loss
  double freeze_above = 0;  ///< codes that turn back in more than this part of the steps stay; 0: none
};

struct TapeOptions {
  std::int64_t batch = 32;               ///< the largest that forward() will get
  int threads = 1;                       ///< including the caller's
  std::shared_ptr<Executor> executor{};  ///< the caller's own; overrides `threads`
  /// Glob patterns (`*`, `?`) of Conv2d nodes that get a batch normalization behind the product, in front of
  /// what is fused into the node. Imported networks have it folded into the weights: adopt_statistics() takes
  /// it out again, and model() folds it back. Ioffe, Szegedy, "Batch Normalization", ICML 2015.
  std::vector<std::string> batch_norm{};
  float batch_norm_epsilon = 1e-5f;
  /// Leaves batch normalization as it is: the statistics of the whole stream count, and do not change.
  bool freeze_batch_norm = false;
  /// How weights and activations learn where their codes lie, for a tape with a quantized model.
  FakeQuantization fake_quantization{};
  bool track_oscillations = false;  ///< so that codes can be frozen; takes 32 bytes a weight
  bool input_gradients = false;     ///< backward() also leaves the gradients of the inputs
};

class Tape {
 public:
  /// For an fp32 model whose operators have gradients; parameters begin with its weights. Takes all memory
  /// that it needs. Throws Error(unsupported) naming the first node without a gradient, or for a model with
  /// open dimensions or without batches; Error(invalid_argument) for a quantized model, a batch below 1, or a
  /// pattern that matches no Conv2d.
  explicit Tape(const Model& fp32, const TapeOptions& options = {});
  /// Trains for codes: every weight and activation that is one in `quantized`, which quantize() made of
  /// `fp32`, is in the forward pass what its code stands for. Ranges of activations begin as there, steps of
  /// weights where their squared error is least; zero points stay. Throws besides Error(invalid_argument) for
  /// a model that was not made of `fp32`, Error(unsupported) naming a layer whose scheme cannot be trained:
  /// weights have to be int2 to int8, ternary, ttq, binary or a table of levels with a scale for the channel
  /// or the tensor; activations 2 to 8 bits with ranges from calibration, signs, or floats.
  Tape(const Model& fp32, const Model& quantized, const TapeOptions& options = {});
  Tape(Tape&&) noexcept;
  Tape& operator=(Tape&&) noexcept;
  ~Tape();

  /// Computes every value for a batch: any number of samples up to TapeOptions::batch. In training, batch
  /// normalization takes the statistics of the batch and adds them to those of the stream. Throws
  /// Error(shape_mismatch) for a batch that does not fit, Error(invalid_argument) for a larger one.
  void forward(const TensorView& batch) { forward(std::span(&batch, 1)); }
  void forward(std::span<const TensorView> inputs);
  /// The same as at inference: with the statistics of the stream. No backward() may follow.
  void infer(const TensorView& batch) { infer(std::span(&batch, 1)); }
  void infer(std::span<const TensorView> inputs);
  /// Sets each batch normalization so that it changes nothing for this batch, whose statistics become those
  /// of the stream: mean and deviation become its shift and factor.
  void adopt_statistics(const TensorView& batch) { adopt_statistics(std::span(&batch, 1)); }
  void adopt_statistics(std::span<const TensorView> inputs);

  /// Of the last batch: samples x the output's shape. Valid until the next pass.
  TensorView output(std::size_t i = 0) const;
  /// The same of any value, by its name in the graph of the model, or of the quantized model where there is
  /// one. Throws Error(not_found).
  TensorView value(std::string_view name) const;
  /// Where the gradient of the loss for that output goes, in the same shape; zeros after a forward pass.
  MutableTensorView output_gradient(std::size_t i = 0);
  /// Fills the gradients of all parameters, from output_gradient(). Once for each forward(); throws
  /// Error(invalid_argument) otherwise.
  void backward();
  /// After backward(): the gradient of an input. Throws Error(invalid_argument) without
  /// TapeOptions::input_gradients.
  TensorView input_gradient(std::size_t i = 0) const;

  /// In the order of the graph.
  std::span<const Parameter> parameters() const;
  std::span<const TrainingState> states() const;
  /// The part of a batch's statistics in those of the stream; 0.1 at first. With 1, 1/2, 1/3 ... in a row
  /// they become the means of these batches. Throws Error(invalid_argument) unless it is in [0, 1].
  void set_batch_norm_momentum(double part);

  /// For the steps from now on. Throws Error(invalid_argument) for a number below 0, or for freezing without
  /// TapeOptions::track_oscillations.
  void set_oscillation_control(const OscillationControl& control);

  /// The fp32 network with what the parameters are now, batch normalization folded into the weights.
  Model model() const;
  /// The quantized model that does in integers what the forward pass does in floats. A batch normalization is
  /// folded into scales and biases; its factors are kept above 0 while codes are trained. Throws
  /// Error(invalid_argument) for a tape without codes.
  Model quantized_model() const;
  /// Of values, gradients and what the nodes keep.
  std::size_t bytes() const;
  const TapeOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lowbit
