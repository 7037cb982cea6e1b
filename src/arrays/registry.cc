#include "arrays/registry.h"

namespace lowbit::arrays {

namespace {

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

std::vector<std::string_view> function_names() {
  std::vector<std::string_view> names;
  for (const std::span<const Function> group : groups())
    for (const Function& function : group) names.push_back(function.name);
  return names;
}

}  // namespace lowbit::arrays
