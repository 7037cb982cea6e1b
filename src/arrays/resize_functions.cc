// SPDX-License-Identifier: Apache-2.0
// Resize and Upsample. Nearest neighbours are read where they are; interpolation goes axis by axis.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "arrays/axis_map.h"
#include "arrays/registry.h"
#include "arrays/resize_coordinates.h"

namespace lowbit::arrays {
namespace {

struct Resizing {
  ResizeRules rules;
  std::vector<ResizedAxis> axes;
  float extrapolation = 0;
};

/// Inputs of Resize by what they are; -1: the operator has none.
struct ResizeInputs {
  int roi = -1, scales = -1, sizes = -1;
};

bool has_elements(const Call& call, int i) {
  return i >= 0 && call.has(i) && call.shape(i).elements() > 0;
}

/// The axes that numbers stand for: all, unless the attribute names some.
std::vector<int> resized_axes(const Call& call) {
  std::vector<int> axes;
  if (call.has_attribute("axes") && call.opset() >= 18)
    for (const std::int64_t a : call.ints_attribute("axes", {})) axes.push_back(call.axis(a, call.rank(0)));
  else
    for (int i = 0; i < call.rank(0); ++i) axes.push_back(i);
  return axes;
}

std::int64_t checked_size(const Call& call, double size) {
  if (!(size >= 0 && size <= 0x1p31)) call.reject(fmt::format("gives a dimension of {}", size));
  return static_cast<std::int64_t>(size);
}

void use_scales(const Call& call, std::span<const float> scales, const std::vector<int>& axes, Resizing& r) {
  if (scales.size() != axes.size())
    call.reject(fmt::format("has {} scales for {} axes", scales.size(), axes.size()));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    ResizedAxis& axis = r.axes[static_cast<std::size_t>(axes[i])];
    if (!(scales[i] > 0)) call.reject(fmt::format("has a scale of {}", scales[i]));
    axis.scale = scales[i];
    axis.to = checked_size(call, std::floor(axis.scale * static_cast<double>(axis.from)));
  }
}

void use_sizes(const Call& call, std::span<const std::int64_t> sizes, const std::vector<int>& axes,
               Resizing& r) {
  if (sizes.size() != axes.size())
    call.reject(fmt::format("has {} sizes for {} axes", sizes.size(), axes.size()));
  const std::string policy = call.text_attribute("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    call.reject("has the unknown policy '" + policy + "'");
  double common = 0;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    ResizedAxis& axis = r.axes[static_cast<std::size_t>(axes[i])];
    axis.to = checked_size(call, static_cast<double>(sizes[i]));
    axis.scale = axis.from == 0 ? 1 : static_cast<double>(axis.to) / static_cast<double>(axis.from);
    const bool is_chosen = policy == "not_larger" ? axis.scale < common : axis.scale > common;
    if (i == 0 || is_chosen) common = axis.scale;
  }
  if (policy == "stretch") return;
  for (const int a : axes) {
    ResizedAxis& axis = r.axes[static_cast<std::size_t>(a)];
    axis.scale = common;
    axis.to = checked_size(call, std::floor(common * static_cast<double>(axis.from) + 0.5));
  }
}

void use_roi(const Call& call, int input, const std::vector<int>& axes, Resizing& r) {
  if (r.rules.coordinates != "tf_crop_and_resize") return;
  if (!has_elements(call, input)) call.reject("crops without a region");
  const std::vector<float> roi = call.floats(input);
  if (roi.size() != 2 * axes.size())
    call.reject(fmt::format("has {} limits for {} axes", roi.size(), axes.size()));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    ResizedAxis& axis = r.axes[static_cast<std::size_t>(axes[i])];
    axis.roi_start = roi[i], axis.roi_end = roi[axes.size() + i];
    if (!std::isfinite(axis.roi_start) || !std::isfinite(axis.roi_end))
      call.reject("has a region without end");
  }
}

Resizing read_resizing(const Call& call, const ResizeInputs& inputs) {
  Resizing r{read_rules(call), {}, call.float_attribute("extrapolation_value", 0)};
  for (const std::int64_t dim : call.shape(0).dims()) r.axes.push_back({dim, dim});
  const std::vector<int> axes = resized_axes(call);
  const bool has_sizes = has_elements(call, inputs.sizes), has_scales = has_elements(call, inputs.scales);
  if (has_sizes == has_scales && !axes.empty()) call.reject("needs either scales or sizes");
  if (has_sizes)
    use_sizes(call, call.integers(inputs.sizes), axes, r);
  else if (has_scales)
    use_scales(call, call.floats(inputs.scales), axes, r);
  use_roi(call, inputs.roi, axes, r);
  for (const ResizedAxis& axis : r.axes)
    if (axis.from == 0 && axis.to > 0) call.reject("enlarges an empty axis");
  return r;
}

Shape resized_shape(const Call& call, const Resizing& r) {
  std::vector<std::int64_t> dims;
  for (const ResizedAxis& axis : r.axes) dims.push_back(axis.to);
  return call.make_shape(dims);
}

Prepared resize_nearest(const Call& call, const Resizing& r) {
  static_cast<void>(resized_shape(call, r));
  const std::vector<std::int64_t> strides = row_strides(call.shape(0));
  AxisMap map;
  for (std::size_t a = 0; a < r.axes.size(); ++a) {
    map.add_axis(r.axes[a].to, [rules = r.rules, axis = r.axes[a], stride = strides[a]](std::int64_t i) {
      const double c = source_coordinate(rules, axis, i);
      return is_outside(rules, axis, c) ? kOutside : nearest_element(rules, axis, c) * stride;
    });
  }
  return mapped_with_fill(call, std::move(map), r.extrapolation);
}

/// One axis after another: outer x from x inner becomes outer x to x inner.
struct Pass {
  std::int64_t outer, inner;
  ResizedAxis axis;
  Neighbours neighbours{};
};

/// One line of `inner` elements, the weighted sum of lines.
void sum_of_lines(const Pass& pass, std::int64_t i, const float* in, float* out) {
  const auto first = static_cast<std::size_t>(i * pass.neighbours.taps);
  std::fill_n(out, pass.inner, 0.0f);
  for (std::size_t t = first; t < first + static_cast<std::size_t>(pass.neighbours.taps); ++t) {
    const float w = pass.neighbours.weights[t];
    if (w == 0) continue;
    const float* line = in + pass.neighbours.elements[t] * pass.inner;
    for (std::int64_t k = 0; k < pass.inner; ++k) out[k] += w * line[k];
  }
}

void run_pass(const Pass& pass, const float* in, float* out, float extrapolation) {
  for (std::int64_t o = 0; o < pass.outer; ++o, in += pass.axis.from * pass.inner) {
    for (std::int64_t i = 0; i < pass.axis.to; ++i, out += pass.inner) {
      if (pass.neighbours.outside[static_cast<std::size_t>(i)])
        std::fill_n(out, pass.inner, extrapolation);
      else
        sum_of_lines(pass, i, in, out);
    }
  }
}

/// Passes over the axes that change, their neighbours not yet found; the last one first: that makes its lines
/// short when there are most of them.
std::vector<Pass> make_passes(const Call& call, const Resizing& r) {
  constexpr std::int64_t kMostWeights = std::int64_t{1} << 24;
  std::vector<Pass> passes;
  std::vector<std::int64_t> dims(call.shape(0).dims().begin(), call.shape(0).dims().end());
  for (std::size_t a = r.axes.size(); a-- > 0;) {
    const ResizedAxis& axis = r.axes[a];
    const bool is_whole =
        r.rules.coordinates != "tf_crop_and_resize" && r.rules.coordinates != "tf_half_pixel_for_nn";
    if (axis.from == axis.to && axis.scale == 1 && is_whole) continue;
    if (neighbour_count(r.rules, axis) > kMostWeights / std::max<std::int64_t>(axis.to, 1))
      call.refuse("needs more than 2^24 weights along an axis");
    Pass pass{1, 1, axis};
    for (std::size_t i = 0; i < a; ++i) pass.outer *= dims[i];
    for (std::size_t i = a + 1; i < dims.size(); ++i) pass.inner *= dims[i];
    dims[a] = axis.to;
    static_cast<void>(call.make_shape(dims));
    passes.push_back(std::move(pass));
  }
  return passes;
}

/// One pass after the other, between two halves of the scratch memory, of `largest` elements each.
Work smooth_work(std::shared_ptr<const std::vector<Pass>> passes, std::int64_t largest, float extrapolation) {
  return [passes = std::move(passes), largest, extrapolation](const Run& run) {
    auto* scratch = reinterpret_cast<float*>(run.scratch);
    const float* in = run.in[0].floats;
    if (passes->empty()) std::copy_n(in, run.out[0].size(), run.out[0].floats);
    for (std::size_t i = 0; i < passes->size(); ++i) {
      float* out =
          i + 1 == passes->size() ? run.out[0].floats : scratch + static_cast<std::int64_t>(i % 2) * largest;
      run_pass((*passes)[i], in, out, extrapolation);
      in = out;
    }
  };
}

Prepared resize_smoothly(const Call& call, const Resizing& r) {
  if (!is_float(call.element(0)))
    call.refuse("interpolates elements of type " + std::string(element_name(call.element(0))));
  const Shape shape = resized_shape(call, r);
  if (shape.elements() == 0) return {{{call.element(0), shape}}, [](const Run&) {}};
  const std::vector<Pass> passes = make_passes(call, r);
  std::int64_t largest = 0;  // of the results between passes
  for (std::size_t i = 0; i + 1 < passes.size(); ++i)
    largest = std::max(largest, passes[i].outer * passes[i].axis.to * passes[i].inner);
  Prepared prepared{{{call.element(0), shape}}, {}, 2 * static_cast<std::size_t>(largest) * sizeof(float)};
  prepared.make_run = [passes, rules = r.rules, largest, extrapolation = r.extrapolation] {
    auto with_neighbours = std::make_shared<std::vector<Pass>>(passes);
    for (Pass& pass : *with_neighbours) pass.neighbours = find_neighbours(rules, pass.axis);
    return smooth_work(with_neighbours, largest, extrapolation);
  };
  return prepared;
}

Prepared resized(const Call& call, const Resizing& r) {
  return r.rules.interpolation == Interpolation::nearest ? resize_nearest(call, r) : resize_smoothly(call, r);
}

Prepared resize(const Call& call) {
  return resized(call,
                 read_resizing(call, call.opset() < 11 ? ResizeInputs{-1, 1, -1} : ResizeInputs{1, 2, 3}));
}

/// Scales are an attribute before opset 9.
Prepared upsample(const Call& call) {
  if (call.opset() >= 9) return resized(call, read_resizing(call, {-1, 1, -1}));
  Resizing r{read_rules(call), {}, 0};
  for (const std::int64_t dim : call.shape(0).dims()) r.axes.push_back({dim, dim});
  use_scales(call, call.floats_attribute("scales", {}), resized_axes(call), r);
  return resized(call, r);
}

constexpr Function kResizeFunctions[] = {{"Resize", resize}, {"Upsample", upsample}};

}  // namespace

std::span<const Function> resize_functions() {
  return kResizeFunctions;
}

}  // namespace lowbit::arrays
