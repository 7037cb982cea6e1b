// SPDX-License-Identifier: Apache-2.0
// TableStep: codes to codes through a table of 256, whatever the function is.
#pragma once

#include <array>
#include <cstdint>

#include "layers/step_common.h"
#include "lowbit/kernels/elementwise_kernel.h"

namespace lowbit::ops {

using CodeTable = std::array<std::uint8_t, 256>;

/// Input and output have one layout, and every element the same table. Codes between pixels go through it
/// too: they mean nothing.
class TableStep final : public Step {
 public:
  TableStep(const CodeTable& table, const SampleLayout& layout) : table_(table), layout_(layout) {}

  void run(const StepArgs& args) const noexcept override {
    for_pixel_blocks(args, layout_.pixels(), layout_.channels,
                     [&](std::int64_t s, std::int64_t p0, std::int64_t p1) {
                       const auto* in = args.inputs[0].sample<const std::uint8_t>(s);
                       auto* out = args.output.sample<std::uint8_t>(s);
                       const std::int64_t first = p0 * layout_.pixel_stride;
                       const auto n = static_cast<std::size_t>(p1 * layout_.pixel_stride - first);
                       kernels::elementwise().map_u8(in + first, n, table_.data(), out + first);
                     });
  }

 private:
  CodeTable table_;
  SampleLayout layout_;
};

}  // namespace lowbit::ops
