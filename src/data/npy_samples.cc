// SPDX-License-Identifier: Apache-2.0
#include "data/npy_samples.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <utility>

#include "data/zip_file.h"
#include "lowbit/core/error.h"

namespace lowbit::data {
namespace {

std::string names_in(const ZipFile& file) {
  std::vector<std::string> names;
  for (const ZipFile::Member& member : file.members())
    names.push_back(member.name.substr(0, member.name.rfind(".npy")));
  return names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

NpySamples::NpySamples(NpyArray array, const InputType& input, std::string name)
    : array_(std::move(array)), name_(std::move(name)), sample_(array_.shape()) {
  const Shape& shape = array_.shape();
  std::optional<Shape> fitting;
  if (shape.rank() > 0) fitting = shape_as_input(Shape(shape.dims().subspan(1)), input);
  if (fitting) {
    count_ = shape[0];
    sample_ = Shape(shape.dims().subspan(1));
  } else if (!(fitting = shape_as_input(shape, input))) {
    throw Error(
        ErrorCode::shape_mismatch,
        fmt::format("{} has shape {}; the model takes {}{}, one sample or a batch", name_, shape.to_string(),
                    input.type.shape.to_string(), input.open.empty() ? "" : " at most"));
  }
  input_ = *fitting;
  if (!is_float(input.type.element) && !npy_type_is_integer(array_.type()))
    throw Error(ErrorCode::unsupported, fmt::format("{} has floats; the model takes integers ({})", name_,
                                                    element_name(input.type.element)));
}

void NpySamples::read(std::int64_t first, const arrays::MutableArrayView& out) const {
  const auto size = static_cast<std::size_t>(out.size());
  const std::int64_t at = first * sample_.elements();
  if (out.floats) return array_.read(at, std::span(out.floats, size));
  for (std::size_t i = 0; i < size; ++i) out.integers[i] = array_.integer(at + static_cast<std::int64_t>(i));
}

void require_same_counts(std::span<const NpySamples> inputs) {
  for (const NpySamples& input : inputs) {
    if (input.count() == 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("{} has not one sample", input.name()));
    if (input.count() != inputs[0].count())
      throw Error(ErrorCode::shape_mismatch, fmt::format("{} has {} samples and {} has {}", inputs[0].name(),
                                                         inputs[0].count(), input.name(), input.count()));
  }
}

NpyArray npz_array(const ZipFile& file, const std::string& name, const std::string& what) {
  const ZipFile::Member* member = file.find(name + ".npy");
  if (!member)
    throw Error(ErrorCode::not_found,
                fmt::format("{} has no array '{}', {}; it has {}", file.path(), name, what, names_in(file)));
  return NpyArray(file.read(*member), fmt::format("'{}' in {}", name, file.path()));
}

std::vector<NpySamples> npz_inputs(const ZipFile& file, std::span<const InputType> inputs) {
  std::vector<NpySamples> arrays;
  for (const InputType& input : inputs)
    arrays.emplace_back(npz_array(file, input.name, "an input of the model"), input,
                        fmt::format("'{}' in {}", input.name, file.path()));
  require_same_counts(arrays);
  return arrays;
}

std::vector<std::int64_t> labels_of(const NpyArray& array, std::int64_t count, const std::string& name) {
  if (!npy_type_is_integer(array.type()))
    throw Error(ErrorCode::unsupported, fmt::format("the labels in {} are not integers", name));
  const std::int64_t labels = array.shape().elements();
  if (labels != count || array.shape().rank() == 0 || array.shape()[0] != count)
    throw Error(ErrorCode::shape_mismatch, fmt::format("{} has shape {}; the data has {} samples", name,
                                                       array.shape().to_string(), count));
  std::vector<std::int64_t> result;
  for (std::int64_t i = 0; i < labels; ++i) result.push_back(array.integer(i));
  return result;
}

}  // namespace lowbit::data
