// SPDX-License-Identifier: Apache-2.0
#include "arrays/apply_function.h"

#include <fmt/format.h>

#include "arrays/registry.h"
#include "lowbit/core/aligned_bytes.h"

namespace lowbit::testing {

Array float_array(const Shape& shape, std::vector<float> values, ElementType element) {
  Array array({element, shape});
  array.floats = std::move(values);
  return array;
}

Array integer_array(const Shape& shape, std::vector<std::int64_t> values, ElementType element) {
  Array array({element, shape});
  array.integers = std::move(values);
  return array;
}

Array vector_of(std::vector<std::int64_t> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return integer_array(Shape{size}, std::move(values));
}

Array scalar_of(std::int64_t value) {
  return integer_array(Shape{}, {value});
}

Array random_array(const ArrayType& type, Random& random) {
  Array array(type);
  for (float& v : array.floats) v = static_cast<float>(random.integer(-9, 9));
  for (std::int64_t& v : array.integers) v = wrap_to(type.element, random.integer(-9, 9));
  return array;
}

Array counted_array(const Shape& shape) {
  Array array({ElementType::f32, shape});
  for (std::size_t i = 0; i < array.floats.size(); ++i) array.floats[i] = static_cast<float>(i);
  return array;
}

std::vector<Array> apply_all(const Applied& applied, const std::vector<Array>& inputs) {
  const arrays::Prepare function = arrays::find_function(applied.op);
  if (!function) throw Error(ErrorCode::unsupported, fmt::format("{} is not there", applied.op));
  std::vector<arrays::Call::Input> known;
  std::vector<arrays::ArrayView> in;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Array& a = inputs[i];
    const bool is_left_out = a.floats.empty() && a.integers.empty() && a.type.shape.rank() == 0;
    const bool is_computed =
        std::find(applied.computed.begin(), applied.computed.end(), i) != applied.computed.end();
    known.push_back(is_left_out ? arrays::Call::Input{}
                                : arrays::Call::Input{a.type, is_computed ? nullptr : &a});
    in.push_back(is_left_out ? arrays::ArrayView{} : a.view());
  }
  const arrays::Prepared prepared = arrays::prepare(
      function,
      arrays::Call(applied.op, applied.opset, applied.attributes, std::move(known), applied.outputs));
  std::vector<Array> results;
  for (const ArrayType& type : prepared.outputs) results.emplace_back(type);
  std::vector<arrays::MutableArrayView> out;
  for (Array& array : results) out.push_back(array.mutable_view());
  const AlignedBytes scratch = aligned_bytes(prepared.scratch_bytes + 64);
  prepared.work()({in, out, scratch.get()});
  return results;
}

Array apply(const Applied& applied, const std::vector<Array>& inputs) {
  return apply_all(applied, inputs).at(0);
}

ArrayAttribute ints(std::string_view name, std::vector<std::int64_t> values) {
  return {std::string(name), std::move(values)};
}

ArrayAttribute number(std::string_view name, float value) {
  return {std::string(name), {}, {value}};
}

ArrayAttribute text(std::string_view name, std::string_view value) {
  return {std::string(name), {}, {}, std::string(value)};
}

std::size_t place_of(const Shape& shape, const std::vector<std::int64_t>& at) {
  std::int64_t place = 0;
  for (std::size_t a = 0; a < at.size(); ++a) place = place * shape[static_cast<int>(a)] + at[a];
  return static_cast<std::size_t>(place);
}

}  // namespace lowbit::testing
