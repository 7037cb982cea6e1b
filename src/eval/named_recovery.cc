// SPDX-License-Identifier: Apache-2.0
#include "eval/named_recovery.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/train/block_reconstruction.h"

namespace lowbit::eval {
namespace {

constexpr std::string_view kBlocks = "brecq", kCommaBlocks = ",brecq";

}  // namespace

NamedRecovery parse_named_recovery(const std::string& text) {
  if (text == kBlocks) return {parse_recovery("fast"), true};
  const bool blocks = text.ends_with(kCommaBlocks);
  const std::string steps = blocks ? text.substr(0, text.size() - kCommaBlocks.size()) : text;
  if (fmt::format(",{},", steps).find(fmt::format("{},", kCommaBlocks)) != std::string::npos)
    throw Error(ErrorCode::invalid_argument, "brecq learns from what all other steps leave: it comes last");
  return {parse_recovery(steps), blocks};
}

std::string named_recovery_steps() {
  return fmt::format("{}, and last {}", recovery_step_names(), kBlocks);
}

Recovery make_recovery(NamedRecovery named) {
  if (named.reconstructs_blocks) return reconstruct_blocks({.before = std::move(named.options)});
  return recover(std::move(named.options));
}

}  // namespace lowbit::eval
