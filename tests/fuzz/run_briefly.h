// SPDX-License-Identifier: Apache-2.0
// Runs a model that came from hostile bytes, where that does not take long.
#pragma once

#include "lowbit/model/model.h"

namespace lowbit::fuzz {

inline void run_briefly(const Model& model) {
  constexpr std::int64_t kMostElements = 1 << 16;
  std::int64_t elements = 0;
  for (const Graph::Value& value : model.graph().values) {
    elements += value.shape.elements();
    if (elements > kMostElements) return;
  }
  Workspace workspace(model);
  std::vector<arrays::Array> in, out;
  std::vector<arrays::ArrayView> in_views;
  std::vector<arrays::MutableArrayView> out_views;
  const auto type_of = [&](ValueId id) {
    const Graph::Value& value = model.graph().values[static_cast<std::size_t>(id)];
    return arrays::ArrayType{value.element, value.shape};
  };
  for (const ValueId id : model.graph().inputs) in.emplace_back(type_of(id));
  for (const ValueId id : model.graph().outputs) out.emplace_back(type_of(id));
  for (const arrays::Array& array : in) in_views.push_back(array.view());
  for (arrays::Array& array : out) out_views.push_back(array.mutable_view());
  run(model, std::span<const arrays::ArrayView>(in_views),
      std::span<const arrays::MutableArrayView>(out_views), workspace);
}

}  // namespace lowbit::fuzz
