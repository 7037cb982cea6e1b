// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <utility>

#include "io/onnx/node_context.h"
#include "io/onnx/registry.h"

namespace lowbit::onnx_import {

void convert_transpose(NodeContext& node) {
  const std::int64_t rank = node.shape(0).rank() + 1;
  std::vector<std::int64_t> axes = node.ints_attribute("perm", {});
  if (axes.empty())
    for (std::int64_t i = rank; i > 0; --i) axes.push_back(i - 1);
  std::set<std::int64_t> seen;
  for (const std::int64_t axis : axes) seen.insert(normalized_axis(node, axis, rank));
  if (static_cast<std::int64_t>(seen.size()) != rank || static_cast<std::int64_t>(axes.size()) != rank)
    node.reject("has a 'perm' that does not name each axis once");
  const int batch = node.batch_axis(0);
  const auto moved = static_cast<int>(std::find(axes.begin(), axes.end(), batch) - axes.begin());
  axes.erase(axes.begin() + moved);
  for (std::int64_t& axis : axes) axis -= axis > batch;
  if (std::ranges::is_sorted(axes)) return node.emit_moved_alias(0, moved);
  node.emit(ops::TransposeOp{std::move(axes)}, {node.moved_value(0)}, moved);
}

}  // namespace lowbit::onnx_import
