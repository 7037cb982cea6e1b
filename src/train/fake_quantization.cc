// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/fake_quantization.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <span>

#include "lowbit/core/error.h"

namespace lowbit {
namespace {

template <class Choice>
struct Named {
  const char* name;
  Choice choice;
};

constexpr std::array kActivationSteps{Named<ActivationSteps>{"lsq", ActivationSteps::lsq},
                                      Named<ActivationSteps>{"lsq+", ActivationSteps::lsq_plus},
                                      Named<ActivationSteps>{"pact", ActivationSteps::pact},
                                      Named<ActivationSteps>{"adaptive", ActivationSteps::adaptive},
                                      Named<ActivationSteps>{"fixed", ActivationSteps::fixed}};
constexpr std::array kWeightSteps{Named<WeightSteps>{"lsq", WeightSteps::lsq},
                                  Named<WeightSteps>{"dorefa", WeightSteps::dorefa},
                                  Named<WeightSteps>{"fixed", WeightSteps::fixed}};
constexpr std::array kRoundingGradients{Named<RoundingGradient>{"ste", RoundingGradient::straight_through},
                                        Named<RoundingGradient>{"ewgs", RoundingGradient::ewgs}};
constexpr std::array kSignGradients{Named<SignGradient>{"polynomial", SignGradient::polynomial},
                                    Named<SignGradient>{"clipped", SignGradient::clipped}};

template <class Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& row : table) names.emplace_back(row.name);
  return names;
}

template <class Table>
auto find_choice(const Table& table, std::string_view name, const char* what) {
  for (const auto& row : table)
    if (name == row.name) return row.choice;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("{} cannot be \"{}\"; there is {}", what, name, fmt::join(names_of(table), ", ")));
}

}  // namespace

ActivationSteps parse_activation_steps(std::string_view name) {
  return find_choice(kActivationSteps, name, "steps of activations");
}
WeightSteps parse_weight_steps(std::string_view name) {
  return find_choice(kWeightSteps, name, "steps of weights");
}
RoundingGradient parse_rounding_gradient(std::string_view name) {
  return find_choice(kRoundingGradients, name, "the gradient of a rounding");
}
SignGradient parse_sign_gradient(std::string_view name) {
  return find_choice(kSignGradients, name, "the gradient of a sign");
}

std::vector<std::string> activation_steps_names() {
  return names_of(kActivationSteps);
}
std::vector<std::string> weight_steps_names() {
  return names_of(kWeightSteps);
}
std::vector<std::string> rounding_gradient_names() {
  return names_of(kRoundingGradients);
}
std::vector<std::string> sign_gradient_names() {
  return names_of(kSignGradients);
}

}  // namespace lowbit
