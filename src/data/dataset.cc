#include "data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

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

std::unique_ptr<Dataset> open_any(const DataSpec& spec, Split split, const Shape& input_shape) {
  switch (spec.kind) {
    case DataSpec::Kind::mnist:
      return open_mnist(spec.path, split);
    case DataSpec::Kind::cifar10:
      return open_cifar10(spec.path, split);
    case DataSpec::Kind::npy:
      return open_npy(spec.path, spec.labels_path, input_shape);
    case DataSpec::Kind::glyphs:
      break;
  }
  return open_glyphs(split);
}

}  // namespace

float DataSpec::default_scale() const {
  return kind == Kind::mnist || kind == Kind::cifar10 ? 1.0f / 255.0f : 1.0f;
}

DataSpec parse_data_spec(const std::string& text, const std::string& labels_path) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  DataSpec spec;
  spec.labels_path = labels_path;
  if (colon != std::string::npos) spec.path = text.substr(colon + 1);
  const bool with_path = !spec.path.empty();
  if (name == "mnist" && with_path) {
    spec.kind = DataSpec::Kind::mnist;
  } else if (name == "cifar10" && with_path) {
    spec.kind = DataSpec::Kind::cifar10;
  } else if (name == "npy" && with_path) {
    spec.kind = DataSpec::Kind::npy;
  } else if (text == "glyphs") {
    spec.kind = DataSpec::Kind::glyphs;
  } else {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--data \"{}\" is not mnist:DIR, cifar10:DIR, npy:FILE_OR_DIR or glyphs", text));
  }
  if (!labels_path.empty() && spec.kind != DataSpec::Kind::npy)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--labels goes with npy data only; {} has its own labels", name));
  return spec;
}

std::unique_ptr<Dataset> open_dataset(const DataSpec& spec, Split split, const Shape& input_shape) {
  auto data = open_any(spec, split, input_shape);
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
