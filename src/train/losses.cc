// SPDX-License-Identifier: Apache-2.0
#include "lowbit/train/losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/elementary.h"
#include "lowbit/core/error.h"

namespace lowbit {
namespace {

struct Classes {
  std::int64_t samples = 0, count = 0;
};

/// N x classes, further dimensions of 1 may follow.
Classes classes_of(const TensorView& outputs, const MutableTensorView& gradient, const char* loss) {
  if (!(outputs.shape == gradient.shape))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: the gradient is {}, the outputs are {}", loss, gradient.shape.to_string(),
                            outputs.shape.to_string()));
  const Shape& s = outputs.shape;
  bool fits = s.rank() >= 2 && s[0] > 0 && s[1] > 0;
  for (int axis = 2; fits && axis < s.rank(); ++axis) fits = s[axis] == 1;
  if (!fits)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("{}: outputs have to be samples x classes, not {}", loss, s.to_string()));
  return {s[0], s[1]};
}

/// Log-probabilities of one sample.
void log_softmax(const TensorView& logits, std::int64_t sample, double factor, std::vector<double>& out) {
  const float* row = logits.data + sample * logits.strides[0];
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = factor * static_cast<double>(row[static_cast<std::ptrdiff_t>(c) * logits.strides[1]]);
    most = std::max(most, out[c]);
  }
  double sum = 0;
  for (const double x : out) sum += elementary::exp(x - most);
  const double log_sum = most + elementary::log(sum);
  for (double& x : out) x -= log_sum;
}

}  // namespace

double softmax_cross_entropy(const TensorView& outputs, std::span<const std::int64_t> labels,
                             const MutableTensorView& gradient, double smoothing) {
  const Classes classes = classes_of(outputs, gradient, "softmax cross-entropy");
  if (static_cast<std::int64_t>(labels.size()) != classes.samples)
    throw Error(ErrorCode::shape_mismatch, fmt::format("softmax cross-entropy: {} labels for {} samples",
                                                       labels.size(), classes.samples));
  if (!(smoothing >= 0 && smoothing < 1))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("softmax cross-entropy: the smoothing has to be in [0, 1), it is {}", smoothing));
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes.count)
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("softmax cross-entropy: the label of sample {} is {}, there are classes 0 to {}", i,
                      labels[i], classes.count - 1));
  const auto samples = static_cast<double>(classes.samples);
  const double spread = smoothing / static_cast<double>(classes.count);
  std::vector<double> log_p(static_cast<std::size_t>(classes.count));
  double loss = 0;
  for (std::int64_t i = 0; i < classes.samples; ++i) {
    log_softmax(outputs, i, 1, log_p);
    const auto label = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    float* row = gradient.data + i * gradient.strides[0];
    for (std::size_t c = 0; c < log_p.size(); ++c) {
      const double target = spread + (c == label ? 1 - smoothing : 0);
      if (target > 0) loss -= target * log_p[c];
      row[static_cast<std::ptrdiff_t>(c) * gradient.strides[1]] =
          static_cast<float>((elementary::exp(log_p[c]) - target) / samples);
    }
  }
  return loss / samples;
}

double mean_squared_error(const TensorView& outputs, const TensorView& targets,
                          const MutableTensorView& gradient) {
  const Shape& s = outputs.shape;
  if (!(s == targets.shape) || !(s == gradient.shape) || s.elements() == 0)
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("mean squared error: outputs {}, targets {}, gradient {}", s.to_string(),
                            targets.shape.to_string(), gradient.shape.to_string()));
  const auto elements = static_cast<double>(s.elements());
  double sum = 0;
  for (std::int64_t e = 0; e < s.elements(); ++e) {
    std::ptrdiff_t at = 0, at_target = 0, at_gradient = 0;
    std::int64_t rest = e;
    for (int axis = s.rank(); axis-- > 0; rest /= s[axis]) {
      const auto a = static_cast<std::size_t>(axis);
      const std::int64_t i = rest % s[axis];
      at += i * outputs.strides[a];
      at_target += i * targets.strides[a];
      at_gradient += i * gradient.strides[a];
    }
    const double d = static_cast<double>(outputs.data[at]) - static_cast<double>(targets.data[at_target]);
    sum += d * d;
    gradient.data[at_gradient] = static_cast<float>(2 * d / elements);
  }
  return sum / elements;
}

double distillation(const TensorView& outputs, const TensorView& teacher, const MutableTensorView& gradient,
                    double temperature) {
  const Classes classes = classes_of(outputs, gradient, "distillation");
  if (!(outputs.shape == teacher.shape))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("distillation: the teacher gives {}, the outputs are {}",
                            teacher.shape.to_string(), outputs.shape.to_string()));
  if (!(temperature > 0) || std::isinf(temperature))
    throw Error(ErrorCode::invalid_argument,
                fmt::format("distillation: the temperature has to be positive, it is {}", temperature));
  const auto samples = static_cast<double>(classes.samples);
  std::vector<double> log_q(static_cast<std::size_t>(classes.count)), log_p(log_q.size());
  double loss = 0;
  for (std::int64_t i = 0; i < classes.samples; ++i) {
    log_softmax(outputs, i, 1 / temperature, log_q);
    log_softmax(teacher, i, 1 / temperature, log_p);
    float* row = gradient.data + i * gradient.strides[0];
    for (std::size_t c = 0; c < log_q.size(); ++c) {
      const double p = elementary::exp(log_p[c]);
      if (p > 0) loss += p * (log_p[c] - log_q[c]);
      // d/dz of T^2 KL(p, softmax(z / T)) is T (q - p).
      row[static_cast<std::ptrdiff_t>(c) * gradient.strides[1]] =
          static_cast<float>(temperature * (elementary::exp(log_q[c]) - p) / samples);
    }
  }
  return temperature * temperature * loss / samples;
}

}  // namespace lowbit
