// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lowbit/core/error.h"
#include "train/tape_node.h"

namespace lowbit::train {
namespace {

template <class Op>
concept HasNode = requires(const Op& op, const NodeSpec& spec) {
  make_node(op, spec);
};

template <class Op>
constexpr bool kMoves = std::is_same_v<Op, ops::ConcatOp> || std::is_same_v<Op, ops::FlattenOp> ||
                        std::is_same_v<Op, ops::ReshapeOp> || std::is_same_v<Op, ops::PadOp> ||
                        std::is_same_v<Op, ops::SliceOp> || std::is_same_v<Op, ops::TransposeOp>;

}  // namespace

std::unique_ptr<TapeNode> make_tape_node(const ops::Op& op, const NodeSpec& spec) {
  return std::visit(
      [&]<class Op>(const Op& alternative) -> std::unique_ptr<TapeNode> {
        if constexpr (HasNode<Op>)
          return make_node(alternative, spec);
        else if constexpr (kMoves<Op>)
          return make_movement_node(op, spec);
        else
          throw Error(ErrorCode::unsupported, fmt::format("\"{}\" cannot be trained: {} has no gradient",
                                                          spec.name, ops::shown_name(op)));
      },
      op);
}

}  // namespace lowbit::train
