// SPDX-License-Identifier: Apache-2.0
#include "arrays/registry.h"

#include <algorithm>
#include <string>

#include "arrays/numbers.h"

namespace lowbit::arrays {

namespace {

/// Operators that take elements of every type.
constexpr std::string_view kMoving[] = {"BitCast", "Cast", "CastLike", "Flatten",   "Identity", "Reshape",
                                        "Shape",   "Size", "Squeeze",  "Transpose", "Unsqueeze"};

std::vector<std::span<const Function>> groups() {
  return {shape_functions(),    movement_functions(),        slice_functions(),     generator_functions(),
          indexing_functions(), scatter_functions(),         order_functions(),     resize_functions(),
          unary_functions(),    activation_functions(),      binary_functions(),    logic_functions(),
          cast_functions(),     reduction_functions(),       softmax_functions(),   normalization_functions(),
          product_functions(),  integer_product_functions(), einsum_functions(),    convolution_functions(),
          pool_functions(),     recurrent_functions(),       attention_functions(), quantization_functions(),
          loss_functions()};
}

}  // namespace

Prepare find_function(std::string_view name) {
  for (const std::span<const Function> group : groups())
    for (const Function& function : group)
      if (function.name == name) return function.prepare;
  return nullptr;
}

Prepared prepare(Prepare function, const Call& call) {
  const bool moves = std::find(std::begin(kMoving), std::end(kMoving), call.op()) != std::end(kMoving);
  const bool unpacks = call.op() == "DequantizeLinear";
  for (int i = 0; !moves && i < call.input_count(); ++i)
    if (call.has(i) && !is_computed(call.element(i)) && !(unpacks && is_packed_integer(call.element(i))))
      call.refuse("computes with elements of type " + std::string(element_name(call.element(i))));
  return function(call);
}

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const std::span<const Function> group : groups())
    for (const Function& function : group) names.push_back(function.name);
  return names;
}

}  // namespace lowbit::arrays
