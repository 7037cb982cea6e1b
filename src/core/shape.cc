#include "lowbit/core/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>

#include "lowbit/core/error.h"
#include "lowbit/core/tensor.h"
#include "lowbit/core/view.h"

namespace lowbit {

Shape::Shape(std::span<const std::int64_t> dims) {
  if (dims.size() > kMaxRank)
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("a shape of rank {} is more than the {} dimensions supported", dims.size(), kMaxRank));
  std::int64_t product = 1;
  for (const std::int64_t d : dims) {
    if (d < 0)
      throw Error(ErrorCode::invalid_argument, fmt::format("a shape has the negative dimension {}", d));
    if (d != 0 && product > std::numeric_limits<std::int64_t>::max() / d)
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("the shape {} has more elements than 2^63", fmt::join(dims, "x")));
    if (d != 0) product *= d;
    dims_[static_cast<std::size_t>(rank_++)] = d;
  }
}

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t d : dims()) product *= d;
  return product;
}

std::string Shape::to_string() const {
  return rank_ == 0 ? "scalar" : fmt::format("{}", fmt::join(dims(), "x"));
}

namespace detail {

std::array<std::ptrdiff_t, Shape::kMaxRank> contiguous_strides(const Shape& shape) {
  std::array<std::ptrdiff_t, Shape::kMaxRank> strides{};
  std::ptrdiff_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis)] = stride;
    stride *= static_cast<std::ptrdiff_t>(shape[axis]);
  }
  return strides;
}

}  // namespace detail

Tensor::Tensor(const Shape& s, std::vector<float> values) : shape(s), data(std::move(values)) {
  if (static_cast<std::int64_t>(data.size()) != s.elements())
    throw Error(ErrorCode::shape_mismatch, fmt::format("a tensor of shape {} needs {} elements, not {}",
                                                       s.to_string(), s.elements(), data.size()));
}

}  // namespace lowbit
