#include "arrays/registry.h"

namespace lowbit::arrays {

Prepare find_function(std::string_view name) {
  const std::span<const Function> groups[] = {
      shape_functions(),    movement_functions(),        slice_functions(),     generator_functions(),
      indexing_functions(), scatter_functions(),         order_functions(),     resize_functions(),
      unary_functions(),    activation_functions(),      binary_functions(),    logic_functions(),
      cast_functions(),     reduction_functions(),       softmax_functions(),   normalization_functions(),
      product_functions(),  integer_product_functions(), einsum_functions(),    convolution_functions(),
      pool_functions(),     recurrent_functions(),       attention_functions(), quantization_functions(),
      loss_functions()};
  for (const std::span<const Function> group : groups)
    for (const Function& function : group)
      if (function.name == name) return function.prepare;
  return nullptr;
}

}  // namespace lowbit::arrays
