#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
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
  std::unique_ptr<Dataset> (*open)(const DataSpec& spec, Split split, const Shape& input_shape);
};
constexpr Source kSources[] = {
    {"mnist", "DIR", 1.0f / 255.0f, false,
     [](const DataSpec& spec, Split split, const Shape&) { return open_mnist(spec.path, split); }},
    {"cifar10", "DIR", 1.0f / 255.0f, false,
     [](const DataSpec& spec, Split split, const Shape&) { return open_cifar10(spec.path, split); }},
    {"npy", "FILE_OR_DIR", 1.0f, true,
     [](const DataSpec& spec, Split, const Shape& input_shape) {
       return open_npy(spec.path, spec.labels_path, input_shape);
     }},
    {"glyphs", "", 1.0f, false,
     [](const DataSpec&, Split split, const Shape&) { return open_glyphs(split); }},
};

/// Null where there is none of that name.
const Source* find_source(std::string_view name) {
  const auto* at =
      std::find_if(std::begin(kSources), std::end(kSources), [&](const Source& s) { return s.name == name; });
  return at == std::end(kSources) ? nullptr : at;
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
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--labels goes with npy data only; {} has its own labels", spec.name));
  return spec;
}

std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, const Shape& input_shape) {
  auto data = source_of(spec).open(spec, split, input_shape);
  if (!shapes_fit(data->sample_shape(), input_shape))
    throw Error(ErrorCode::shape_mismatch,
                fmt::format("the data has images of shape {}; the model takes {}",
                            data->sample_shape().to_string(), input_shape.to_string()));
  return data;
}

bool shapes_fit(const Shape& sample, const Shape& input) {
  if (sample == input) return true;
  const auto a = without_ones(sample), b = without_ones(input);
  if (a == b) return true;
  return (a.size() <= 1 || b.size() <= 1) && sample.elements() == input.elements();
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
