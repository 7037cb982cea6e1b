// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <string_view>

#include "core/random.h"
#include "data/dataset_files.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

std::vector<std::int64_t> without_ones(const Shape& shape) {
  std::vector<std::int64_t> dims;
  for (const std::int64_t d : shape.dims())
    if (d != 1) dims.push_back(d);
  return dims;
}

/// What can stand before the colon of --data.
struct Source {
  std::string_view name;
  std::string_view path;  ///< what follows, for messages; empty: nothing does
  float scale;            ///< DataSpec::default_scale()
  bool takes_labels;
  bool has_split;            ///< DataSpec::has_split()
  bool several_inputs;       ///< whether it feeds models of several inputs
  std::string_view reading;  ///< the keys of --preprocess that it has besides those for numbers
  std::unique_ptr<Dataset> (*open)(const OpenRequest& request);
};
constexpr Source kSources[] = {
    {"mnist", "DIR", 1.0f / 255.0f, false, true, false, "",
     [](const OpenRequest& r) { return open_mnist(r.spec.path, r.split); }},
    {"cifar10", "DIR", 1.0f / 255.0f, false, true, false, "",
     [](const OpenRequest& r) { return open_cifar10(r.spec.path, r.split); }},
    {"npy", "FILE_OR_DIR", 1.0f, true, false, false, "", open_npy},
    {"npz", "FILE", 1.0f, true, false, true, "", open_npz},
    {"csv", "FILE", 1.0f, true, false, false, "", open_csv},
    {"images", "DIR", 1.0f / 255.0f, false, false, false, "resize;crop;order;", open_images},
    {"wav", "DIR", 1.0f, false, false, false, "rate;hop;", open_wav},
    {"glyphs", "", 1.0f, false, true, false, "", [](const OpenRequest& r) { return open_glyphs(r.split); }},
};

/// Null where there is none of that name.
const Source* find_source(std::string_view name) {
  const auto* at =
      std::find_if(std::begin(kSources), std::end(kSources), [&](const Source& s) { return s.name == name; });
  return at == std::end(kSources) ? nullptr : at;
}

/// "npy, npz or csv".
std::string label_takers() {
  std::vector<std::string_view> names;
  for (const Source& s : kSources)
    if (s.takes_labels) names.push_back(s.name);
  const std::string_view last = names.back();
  names.pop_back();
  return fmt::format("{} or {}", fmt::join(names, ", "), last);
}

std::string input_names(std::span<const InputType> inputs) {
  std::vector<std::string_view> names;
  for (const InputType& input : inputs) names.push_back(input.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const Source& source_of(const DataSpec& spec) {
  if (const Source* source = find_source(spec.name)) return *source;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("there is no data '{}'; there are {}", spec.name, known_data_specs()));
}

}  // namespace

float DataSpec::default_scale() const {
  return source_of(*this).scale;
}
bool DataSpec::has_split() const {
  return source_of(*this).has_split;
}

void Dataset::read_input(std::size_t, std::int64_t index, const arrays::MutableArrayView& out) const {
  const auto size = static_cast<std::size_t>(out.size());
  if (out.floats) return read(index, std::span(out.floats, size));
  std::vector<float> values(size);
  read(index, values);
  for (std::size_t i = 0; i < size; ++i)
    out.integers[i] = std::isfinite(values[i]) ? static_cast<std::int64_t>(std::rint(values[i])) : 0;
}

std::string known_data_specs() {
  std::string text;
  for (const Source& s : kSources) {
    if (&s != std::begin(kSources)) text += &s + 1 == std::end(kSources) ? " or " : ", ";
    text += fmt::format("{}{}{}", s.name, s.path.empty() ? "" : ":", s.path);
  }
  return text;
}

DataSpec parse_data_spec(const std::string& text, const std::string& labels_path) {
  const std::size_t colon = text.find(':');
  DataSpec spec{.name = text.substr(0, colon),
                .path = colon == std::string::npos ? "" : text.substr(colon + 1),
                .labels_path = labels_path};
  const Source* source = find_source(spec.name);
  const bool fits = source && (source->path.empty() ? colon == std::string::npos : !spec.path.empty());
  if (!fits)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--data \"{}\" is not {}", text, known_data_specs()));
  if (!labels_path.empty() && !source->takes_labels)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("--labels goes with {} data only; {} has its own labels", label_takers(), spec.name));
  return spec;
}

std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, std::span<const InputType> inputs,
                                      const Reading& reading) {
  const Source& source = source_of(spec);
  if (inputs.size() != 1 && !source.several_inputs)
    throw Error(ErrorCode::unsupported,
                fmt::format("the model has {} inputs ({}); {} data feeds models with one, npz:FILE has an "
                            "array for each",
                            inputs.size(), input_names(inputs), spec.name));
  for (const std::string& key : reading.keys())
    if (source.reading.find(key + ";") == std::string_view::npos)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("--preprocess: {} does not go with {} data", key, spec.name));
  auto data = source.open({spec, split, inputs, reading});
  if (!source.several_inputs && !shape_as_input(data->sample_shape(), inputs[0]))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the data has samples of shape {}; the model takes {}",
                            data->sample_shape().to_string(), inputs[0].type.shape.to_string()));
  return data;
}

std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, const Shape& input_shape) {
  const InputType input{.type = {ElementType::f32, input_shape}};
  return open_dataset(spec, split, std::span(&input, 1));
}

bool shapes_fit(const Shape& sample, const Shape& input) {
  if (sample == input) return true;
  const auto a = without_ones(sample), b = without_ones(input);
  if (a == b) return true;
  return (a.size() <= 1 || b.size() <= 1) && sample.elements() == input.elements();
}

std::optional<Shape> shape_as_input(const Shape& sample, const InputType& input) {
  const Shape& type = input.type.shape;
  if (input.open.empty()) return shapes_fit(sample, type) ? std::optional(type) : std::nullopt;
  // The sample may lack dimensions that are always 1.
  std::vector<int> axes;
  for (int axis = 0; axis < type.rank(); ++axis)
    if (sample.rank() == type.rank() || type[axis] != 1 || input.open[static_cast<std::size_t>(axis)])
      axes.push_back(axis);
  if (static_cast<int>(axes.size()) != sample.rank()) return std::nullopt;
  std::vector<std::int64_t> dims(type.dims().begin(), type.dims().end());
  for (int i = 0; i < sample.rank(); ++i) {
    const auto axis = static_cast<std::size_t>(axes[static_cast<std::size_t>(i)]);
    if (!input.open[axis] && dims[axis] != sample[i]) return std::nullopt;
    dims[axis] = sample[i];
  }
  return Shape(std::span<const std::int64_t>(dims));
}

std::vector<std::int64_t> choose_images(std::int64_t count, std::int64_t wanted, std::uint64_t seed) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), std::int64_t{0});
  const std::int64_t keep = wanted <= 0 ? count : std::min(wanted, count);
  if (seed != 0) {
    detail::SplitMix64 random(seed);
    // The first `keep` steps of a Fisher-Yates shuffle.
    for (std::int64_t i = 0; i < keep; ++i) {
      const auto left = static_cast<std::uint64_t>(count - i);
      const auto j = i + static_cast<std::int64_t>(random.next() % left);
      std::swap(all[static_cast<std::size_t>(i)], all[static_cast<std::size_t>(j)]);
    }
  }
  all.resize(static_cast<std::size_t>(keep));
  return all;
}

}  // namespace lowbit::data
