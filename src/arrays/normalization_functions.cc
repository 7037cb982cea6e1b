// SPDX-License-Identifier: Apache-2.0
// Normalizations. Means and deviations are calculated in double.
#include <fmt/format.h>

#include "arrays/reduction.h"
#include "arrays/registry.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

void require_floats(const Call& call, int rank) {
  if (!is_float(call.element(0))) call.reject("needs floats");
  if (call.rank(0) < rank) call.reject(fmt::format("needs an input of at least {} dimensions", rank));
}

/// Input i has one element for each of `count` channels.
void require_channels(const Call& call, int i, std::int64_t count) {
  if (call.rank(i) != 1 || call.shape(i)[0] != count || !is_float(call.element(i)))
    call.reject(fmt::format("has an input {} of {} for {} channels", i, call.shape(i).to_string(), count));
}

struct Moments {
  double mean, inverse_deviation;
};

/// Of x[0..n). Around zero instead of the mean if not `centred`.
Moments moments(const float* x, std::int64_t n, double epsilon, bool centred) {
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n && centred; ++i) sum += x[i];
  const double mean = centred ? sum / static_cast<double>(n) : 0;
  for (std::int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, 1 / std::sqrt(squares / static_cast<double>(n) + epsilon)};
}

/// Strides of input i along the axes of input 0, to which it must broadcast.
Dims strides_along(const Call& call, int i) {
  const Shape &from = call.shape(i), &to = call.shape(0);
  bool fits = from.rank() <= to.rank() && is_float(call.element(i));
  for (int axis = 1; fits && axis <= from.rank(); ++axis)
    fits = from[from.rank() - axis] == 1 || from[from.rank() - axis] == to[to.rank() - axis];
  if (!fits)
    call.reject(fmt::format("has an input {} of {} for one of {}", i, from.to_string(), to.to_string()));
  return broadcast_strides(from);
}

/// LayerNormalization and RMSNormalization: all axes from one on are normalized together.
struct TrailingNorm {
  std::int64_t groups, size;
  double epsilon;
  bool centred, has_bias;
  Dims dims, scale_strides, bias_strides;

  void operator()(const Run& run) const {
    auto* all = reinterpret_cast<Moments*>(run.scratch);
    for (std::int64_t g = 0; g < groups; ++g)
      all[g] = moments(run.in[0].floats + g * size, size, epsilon, centred);
    for_each_line(dims, scale_strides, bias_strides, [&](std::int64_t at, std::int64_t s, std::int64_t b) {
      const Moments m = all[at / size];
      const float *x = run.in[0].floats + at, *scale = run.in[1].floats + s;
      const float* bias = has_bias ? run.in[2].floats + b : nullptr;
      float* y = run.out[0].floats + at;
      for (std::int64_t i = 0; i < dims.back(); ++i) {
        const double v = (x[i] - m.mean) * m.inverse_deviation * scale[i * scale_strides.back()];
        y[i] = static_cast<float>(bias ? v + bias[i * bias_strides.back()] : v);
      }
    });
    if (!centred) return;
    for (std::size_t o = 1; o < run.out.size() && o < 3; ++o)
      for (std::int64_t g = 0; g < groups && run.out[o].is_present(); ++g)
        run.out[o].floats[g] = static_cast<float>(o == 1 ? all[g].mean : all[g].inverse_deviation);
  }
};

Prepared trailing_norm(const Call& call, bool centred) {
  require_floats(call, 1);
  const Shape& shape = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", -1), shape.rank());
  TrailingNorm norm{product(shape, 0, axis),
                    product(shape, axis, shape.rank()),
                    call.float_attribute("epsilon", 1e-5f),
                    centred,
                    centred && call.has(2),
                    padded_dims(shape),
                    strides_along(call, 1),
                    {}};
  if (norm.has_bias) norm.bias_strides = strides_along(call, 2);
  std::vector<ArrayType> outputs{call.type(0)};
  std::vector<std::int64_t> dims(shape.dims().begin(), shape.dims().end());
  for (std::size_t i = static_cast<std::size_t>(axis); i < dims.size(); ++i) dims[i] = 1;
  const ElementType stash = call.int_attribute("stash_type", 1) == 16 ? ElementType::bf16 : ElementType::f32;
  for (int o = 1; centred && o < call.output_count() && o < 3; ++o)
    outputs.push_back({stash, call.make_shape(dims)});
  return {std::move(outputs), norm, static_cast<std::size_t>(norm.groups) * sizeof(Moments)};
}

Prepared layer_normalization(const Call& call) {
  return trailing_norm(call, true);
}

Prepared rms_normalization(const Call& call) {
  return trailing_norm(call, false);
}

/// InstanceNormalization and GroupNormalization: groups of the channels of each image by themselves.
Prepared group_norm(const Call& call, std::int64_t groups, std::int64_t parameters) {
  const Shape& shape = call.shape(0);
  const std::int64_t channels = shape[1], area = product(shape, 2, shape.rank()), images = shape[0];
  if (groups < 1 || channels % groups != 0)
    call.reject(fmt::format("has {} groups of {} channels", groups, channels));
  require_channels(call, 1, parameters);
  require_channels(call, 2, parameters);
  const std::int64_t size = channels / groups, shared = parameters == channels ? 1 : size;
  const double epsilon = call.float_attribute("epsilon", 1e-5f);
  return {{call.type(0)}, [=](const Run& run) {
            for (std::int64_t i = 0; i < images * groups; ++i) {
              const Moments m = moments(run.in[0].floats + i * size * area, size * area, epsilon, true);
              for (std::int64_t c = 0; c < size; ++c) {
                const std::int64_t parameter = (i % groups * size + c) / shared, at = (i * size + c) * area;
                const double scale = run.in[1].floats[parameter] * m.inverse_deviation;
                const double bias = run.in[2].floats[parameter];
                const float* x = run.in[0].floats + at;
                float* y = run.out[0].floats + at;
                for (std::int64_t k = 0; k < area; ++k)
                  y[k] = static_cast<float>((x[k] - m.mean) * scale + bias);
              }
            }
          }};
}

Prepared instance_normalization(const Call& call) {
  require_floats(call, 2);
  return group_norm(call, call.shape(0)[1], call.shape(0)[1]);
}

/// Scale and bias belong to groups before opset 21.
Prepared group_normalization(const Call& call) {
  require_floats(call, 2);
  const std::int64_t groups = call.int_attribute("num_groups", 0);
  return group_norm(call, groups, call.opset() < 21 ? groups : call.shape(0)[1]);
}

Prepared batch_normalization(const Call& call) {
  require_floats(call, 1);
  if (call.int_attribute("training_mode", 0) != 0 || call.output_count() > 1)
    call.refuse("has its training mode");
  if (call.int_attribute("spatial", 1) != 1) call.refuse("has statistics for each position");
  const Shape& shape = call.shape(0);
  const std::int64_t channels = shape.rank() > 1 ? shape[1] : 1;
  const std::int64_t images = shape[0], area = product(shape, shape.rank() > 1 ? 2 : 1, shape.rank());
  for (int i = 1; i < 5; ++i) require_channels(call, i, channels);
  const double epsilon = call.float_attribute("epsilon", 1e-5f);
  return {{call.type(0)}, [=](const Run& run) {
            for (std::int64_t i = 0; i < images * channels; ++i) {
              const std::int64_t c = i % channels;
              const double scale = run.in[1].floats[c] / std::sqrt(run.in[4].floats[c] + epsilon);
              const double mean = run.in[3].floats[c], bias = run.in[2].floats[c];
              const float* x = run.in[0].floats + i * area;
              float* y = run.out[0].floats + i * area;
              for (std::int64_t k = 0; k < area; ++k) y[k] = static_cast<float>((x[k] - mean) * scale + bias);
            }
          }};
}

/// Each channel by the squares of `size` channels around it.
Prepared lrn(const Call& call) {
  require_floats(call, 2);
  const Shape& shape = call.shape(0);
  const std::int64_t images = shape[0], channels = shape[1], area = product(shape, 2, shape.rank());
  const std::int64_t size = call.int_attribute("size", 0);
  if (size < 1) call.reject(fmt::format("has a size of {}", size));
  const double alpha = call.float_attribute("alpha", 1e-4f) / static_cast<double>(size);
  const double beta = call.float_attribute("beta", 0.75f), bias = call.float_attribute("bias", 1.0f);
  const auto run_lrn = [=](const Run& run) {
    auto* sums = reinterpret_cast<double*>(run.scratch);
    for (std::int64_t i = 0; i < images * channels; ++i) {
      const std::int64_t c = i % channels;
      const std::int64_t first = c - std::min(c, (size - 1) / 2),
                         last = c + std::min(channels - 1 - c, size / 2);
      const float* image = run.in[0].floats + (i - c) * area;
      for (std::int64_t k = 0; k < area; ++k) sums[k] = 0;
      for (std::int64_t other = first; other <= last; ++other)
        for (std::int64_t k = 0; k < area; ++k)
          sums[k] += static_cast<double>(image[other * area + k]) * image[other * area + k];
      for (std::int64_t k = 0; k < area; ++k)
        run.out[0].floats[i * area + k] =
            static_cast<float>(image[c * area + k] / elementary::pow(bias + alpha * sums[k], beta));
    }
  };
  return {{call.type(0)}, run_lrn, static_cast<std::size_t>(area) * sizeof(double)};
}

/// Columns along an axis divided by their norm; those of norm 0 stay.
Prepared lp_normalization(const Call& call) {
  require_floats(call, 1);
  const Shape& shape = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", -1), shape.rank());
  const std::int64_t p = call.int_attribute("p", 2);
  if (p != 1 && p != 2) call.reject(fmt::format("has the norm {}", p));
  const std::int64_t outer = product(shape, 0, axis), n = shape[axis],
                     inner = product(shape, axis + 1, shape.rank());
  const auto run_lp = [=](const Run& run) {
    auto* norms = reinterpret_cast<double*>(run.scratch);
    for (std::int64_t o = 0; o < outer; ++o) {
      const float* x = run.in[0].floats + o * n * inner;
      float* y = run.out[0].floats + o * n * inner;
      for (std::int64_t i = 0; i < inner; ++i) norms[i] = 0;
      for (std::int64_t k = 0; k < n; ++k)
        for (std::int64_t i = 0; i < inner; ++i) {
          const double v = x[k * inner + i];
          norms[i] += p == 1 ? std::fabs(v) : v * v;
        }
      for (std::int64_t i = 0; i < inner; ++i) {
        if (p == 2) norms[i] = std::sqrt(norms[i]);
        if (norms[i] == 0) norms[i] = 1;
      }
      for (std::int64_t k = 0; k < n; ++k)
        for (std::int64_t i = 0; i < inner; ++i)
          y[k * inner + i] = static_cast<float>(x[k * inner + i] / norms[i]);
    }
  };
  return {{call.type(0)}, run_lp, static_cast<std::size_t>(inner) * sizeof(double)};
}

void run_mean_variance(const Reduction& r, const Run& run) {
  auto* means = reinterpret_cast<double*>(run.scratch);
  double* deviations = means + r.results;
  for (std::int64_t i = 0; i < 2 * r.results; ++i) means[i] = 0;
  const std::int64_t n = r.line(), step = r.strides.back();
  const auto add = [&](double* sums, bool squares) {
    for_each_line(r.dims, r.strides, Dims{}, [&](std::int64_t at, std::int64_t to, std::int64_t) {
      const float* x = run.in[0].floats + at;
      for (std::int64_t i = 0; i < n; ++i) {
        const double v = squares ? x[i] - means[to + i * step] : x[i];
        sums[to + i * step] += squares ? v * v : v;
      }
    });
  };
  const auto count = static_cast<double>(r.count);
  add(means, false);
  for (std::int64_t i = 0; i < r.results; ++i) means[i] /= count;
  add(deviations, true);
  for (std::int64_t i = 0; i < r.results; ++i) deviations[i] = std::sqrt(deviations[i] / count) + 1e-9;
  for_each_line(r.dims, r.strides, Dims{}, [&](std::int64_t at, std::int64_t to, std::int64_t) {
    for (std::int64_t i = 0; i < n; ++i)
      run.out[0].floats[at + i] =
          static_cast<float>((run.in[0].floats[at + i] - means[to + i * step]) / deviations[to + i * step]);
  });
}

Prepared mean_variance_normalization(const Call& call) {
  require_floats(call, 0);
  std::vector<bool> is_reduced(static_cast<std::size_t>(call.rank(0)), false);
  for (const std::int64_t a : call.ints_attribute("axes", {0, 2, 3}))
    is_reduced[static_cast<std::size_t>(call.axis(a, call.rank(0)))] = true;
  const Reduction r = make_reduction(call.shape(0), is_reduced);
  return {{call.type(0)},
          [r](const Run& run) { run_mean_variance(r, run); },
          2 * static_cast<std::size_t>(r.results) * sizeof(double)};
}

constexpr Function kNormalizationFunctions[] = {
    {"BatchNormalization", batch_normalization},
    {"GroupNormalization", group_normalization},
    {"InstanceNormalization", instance_normalization},
    {"LRN", lrn},
    {"LayerNormalization", layer_normalization},
    {"LpNormalization", lp_normalization},
    {"MeanVarianceNormalization", mean_variance_normalization},
    {"RMSNormalization", rms_normalization},
};

}  // namespace

std::span<const Function> normalization_functions() {
  return kNormalizationFunctions;
}

}  // namespace lowbit::arrays
