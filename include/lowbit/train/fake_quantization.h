// SPDX-License-Identifier: Apache-2.0
// FakeQuantization: how a tape learns where codes lie, and what gradients make of rounding. Each choice has a
// name, by which the command and reports call it; docs/training.md has the formulas.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowbit {

/// Where the codes of activations lie.
enum class ActivationSteps : std::uint8_t {
  lsq,       ///< the step is learned: Esser et al., "Learned Step Size Quantization", ICLR 2020
  lsq_plus,  ///< and the real of code 0: Bhalgat et al., "LSQ+", CVPR Workshops 2020
  pact,      ///< the end of the range is learned: Choi et al., "PACT", 2018
  adaptive,  ///< as an AdaptiveRange of the training batches says
  fixed,     ///< as at the beginning
};

/// Where the codes of integer and ternary weights lie. Tables and signs have ways of their own.
enum class WeightSteps : std::uint8_t {
  lsq,     ///< steps are learned
  dorefa,  ///< codes of tanh(w) in its range: Zhou et al., "DoReFa-Net", 2016
  fixed,   ///< steps where the squared error was least at the beginning
};

/// What a gradient becomes on its way through a rounding.
enum class RoundingGradient : std::uint8_t {
  straight_through,  ///< nothing: Bengio et al., "Estimating or Propagating Gradients", 2013
  ewgs,  ///< scaled by how far it is to the code: Lee, Kim, Ham, "Network Quantization with Element-wise
         ///< Gradient Scaling", CVPR 2021
};

/// What stands for the derivative of the sign of an activation x, which is 0: with u = x / scale
enum class SignGradient : std::uint8_t {
  polynomial,  ///< max(0, 2 - 2 |u|): Liu et al., "Bi-Real Net", ECCV 2018
  clipped,     ///< 1 where |u| <= 1: Hubara et al., "Binarized Neural Networks", NeurIPS 2016
};

struct FakeQuantization {
  ActivationSteps activations = ActivationSteps::lsq;
  WeightSteps weights = WeightSteps::lsq;
  RoundingGradient rounding = RoundingGradient::straight_through;
  SignGradient signs = SignGradient::polynomial;
  double ewgs_scaling = 0.1;  ///< a gradient g becomes g (1 + scaling sign(g) (x / step - code))
  double range_part = 0.05;   ///< that a batch has in an adaptive range

  friend bool operator==(const FakeQuantization&, const FakeQuantization&) = default;
};

/// "lsq", "lsq+", "pact", "adaptive", "fixed". Throw Error(invalid_argument), naming what there is.
ActivationSteps parse_activation_steps(std::string_view name);
/// "lsq", "dorefa", "fixed".
WeightSteps parse_weight_steps(std::string_view name);
/// "ste", "ewgs".
RoundingGradient parse_rounding_gradient(std::string_view name);
/// "polynomial", "clipped".
SignGradient parse_sign_gradient(std::string_view name);

/// All names, in the order above.
std::vector<std::string> activation_steps_names();
std::vector<std::string> weight_steps_names();
std::vector<std::string> rounding_gradient_names();
std::vector<std::string> sign_gradient_names();

}  // namespace lowbit
