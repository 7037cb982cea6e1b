// SPDX-License-Identifier: Apache-2.0
#include "arrays/recurrence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

using Kind = Activation::Kind;

struct ActivationName {
  std::string_view name;  ///< in small letters
  Kind kind;
  int numbers;  ///< 1: it has an alpha, 2: a beta too
  double alpha, beta;
};

constexpr ActivationName kActivationNames[] = {
    {"affine", Kind::affine, 2, 1, 0},
    {"elu", Kind::elu, 1, 1, 0},
    {"hardsigmoid", Kind::hard_sigmoid, 2, 0.2, 0.5},
    {"leakyrelu", Kind::leaky_relu, 1, 0.01, 0},
    {"relu", Kind::relu, 0, 0, 0},
    {"scaledtanh", Kind::scaled_tanh, 2, 1, 1},
    {"sigmoid", Kind::sigmoid, 0, 0, 0},
    {"softplus", Kind::softplus, 0, 0, 0},
    {"softsign", Kind::softsign, 0, 0, 0},
    {"tanh", Kind::tanh, 0, 0, 0},
    {"thresholdedrelu", Kind::thresholded_relu, 1, 1, 0},
};

const ActivationName& find_activation(const Call& call, const std::string& name) {
  std::string small = name;
  for (char& c : small) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const ActivationName& a : kActivationNames)
    if (a.name == small) return a;
  call.reject(fmt::format("has the activation '{}'", name));
}

/// Those that have an alpha or a beta take the next ones of the lists.
std::vector<Activation> read_activations(const Call& call, const std::vector<Kind>& functions,
                                         std::int64_t directions) {
  std::vector<Activation> activations;
  const std::string text = call.text_attribute("activations", "");
  const std::vector<float> alphas = call.floats_attribute("activation_alpha", {}),
                           betas = call.floats_attribute("activation_beta", {});
  std::size_t alpha = 0, beta = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const ActivationName& a = find_activation(call, text.substr(at, end - at));
    Activation& activation = activations.emplace_back(Activation{a.kind, a.alpha, a.beta});
    if (a.numbers > 0 && alpha < alphas.size()) activation.alpha = alphas[alpha++];
    if (a.numbers > 1 && beta < betas.size()) activation.beta = betas[beta++];
    at = end + 1;
  }
  const auto count = functions.size() * static_cast<std::size_t>(directions);
  if (activations.empty())
    for (std::size_t i = 0; i < count; ++i) activations.push_back({functions[i % functions.size()], 0, 0});
  if (activations.size() != count)
    call.reject(fmt::format("has {} activations instead of {}", activations.size(), count));
  return activations;
}

void require_shape(const Call& call, int i, std::vector<std::int64_t> dims) {
  if (!call.has(i)) return;
  const Shape expected = call.make_shape(dims);
  if (call.shape(i) != expected || is_float(call.element(i)) == (i == 4))
    call.reject(fmt::format("has an input {} of {} instead of {}", i, call.shape(i).to_string(),
                            expected.to_string()));
}

}  // namespace

double Activation::operator()(double x) const {
  switch (kind) {
    case Kind::affine:
      return alpha * x + beta;
    case Kind::elu:
      return x < 0 ? alpha * elementary::expm1(x) : x;
    case Kind::hard_sigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case Kind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case Kind::relu:
      return x < 0 ? 0 : x;
    case Kind::scaled_tanh:
      return alpha * elementary::tanh(beta * x);
    case Kind::sigmoid:
      return elementary::sigmoid(x);
    case Kind::softplus:  // without overflow
      return (x > 0 ? x : 0) + elementary::log(1 + elementary::exp(-std::fabs(x)));
    case Kind::softsign:
      return x / (1 + std::fabs(x));
    case Kind::tanh:
      return elementary::tanh(x);
    case Kind::thresholded_relu:
      return x > alpha ? x : 0;
  }
  return x;
}

Recurrence read_recurrence(const Call& call, std::int64_t gates, const std::vector<Kind>& functions,
                           bool has_cell) {
  Recurrence r;
  if (call.rank(0) != 3 || call.rank(1) != 3 || call.rank(2) != 3 || !is_float(call.element(0)))
    call.reject("needs floats of three dimensions");
  const std::string direction = call.text_attribute("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    call.reject(fmt::format("has the direction '{}'", direction));
  r.reverse = direction == "reverse", r.directions = direction == "bidirectional" ? 2 : 1;
  r.by_batch = call.int_attribute("layout", 0) != 0;
  r.steps = call.shape(0)[r.by_batch ? 1 : 0], r.batch = call.shape(0)[r.by_batch ? 0 : 1];
  r.inputs = call.shape(0)[2], r.hidden = call.shape(2)[2], r.gates = gates, r.has_cell = has_cell;
  r.clip = call.float_attribute("clip", 0);
  if (call.int_attribute("hidden_size", r.hidden) != r.hidden)
    call.reject("has a hidden_size that its weights have not");
  r.activations = read_activations(call, functions, r.directions);
  require_shape(call, 1, {r.directions, r.width(), r.inputs});
  require_shape(call, 2, {r.directions, r.width(), r.hidden});
  require_shape(call, 3, {r.directions, 2 * r.width()});
  require_shape(call, 4, {r.batch});
  const std::vector<std::int64_t> state = r.by_batch
                                              ? std::vector<std::int64_t>{r.batch, r.directions, r.hidden}
                                              : std::vector<std::int64_t>{r.directions, r.batch, r.hidden};
  require_shape(call, 5, state);
  require_shape(call, 6, state);
  require_shape(call, 7, {r.directions, 3 * r.hidden});
  return r;
}

std::vector<ArrayType> recurrence_outputs(const Call& call, const Recurrence& r) {
  const std::int64_t all[] = {r.steps, r.directions, r.batch, r.hidden};
  const std::int64_t all_by_batch[] = {r.batch, r.steps, r.directions, r.hidden};
  const std::int64_t state[] = {r.directions, r.batch, r.hidden};
  const std::int64_t state_by_batch[] = {r.batch, r.directions, r.hidden};
  std::vector<ArrayType> outputs{{call.element(0), call.make_shape(r.by_batch ? all_by_batch : all)}};
  for (int i = 1; i < call.output_count() && i < (r.has_cell ? 3 : 2); ++i)
    outputs.push_back({call.element(0), call.make_shape(r.by_batch ? state_by_batch : state)});
  return outputs;
}

}  // namespace lowbit::arrays
