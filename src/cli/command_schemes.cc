// SPDX-License-Identifier: Apache-2.0
// lowbit schemes: what can stand behind --scheme.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "lowbit/core/scheme.h"
#include "lowbit/kernels/cpu.h"
#include "lowbit/quant/effective.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"
#include "lowbit/quant/quantizer.h"
#include "report/machine.h"
#include "report/table.h"
#include "report/terminal.h"

namespace lowbit::cli {
namespace {

// A layer of common size: what scales add to the bits of a weight depends on it.
constexpr std::int64_t kRows = 64, kColumns = 1024;

std::vector<std::string> scheme_row(const Scheme& scheme, const MatrixView& weights) {
  const std::string name = format_scheme(scheme);
  if (scheme.is_fp32()) return {name, "32.00", "f32", "eigen", "fast"};
  const std::string problem = why_not_built(scheme);
  if (!problem.empty()) return {name, "-", "-", "-", "not built"};
  const QuantizedMatrix q = quantize(weights, make_quantizer(scheme));
  const EffectiveWeights effective(q, scheme.activation_bits == 0   ? kernels::ActType::f32
                                      : scheme.activation_bits == 1 ? kernels::ActType::b1
                                                                    : kernels::ActType::u8);
  const kernels::GemmKernel& kernel = kernels::select_gemm_kernel(effective.spec(), active_isa());
  return {name, fmt::format("{:.2f}", q.bits_per_weight()), report::format_name(q.format), kernel.name,
          kernel.reference ? "ref" : "fast"};
}

void run_schemes() {
  // Any values do; they must not be all equal.
  std::vector<float> values(static_cast<std::size_t>(kRows * kColumns));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i * 2654435761u % 1021) - 510.0f;
  report::Table table({{"scheme", report::Table::Align::left},
                       {"bits/weight"},
                       {"weights", report::Table::Align::left},
                       {"kernel", report::Table::Align::left},
                       {"speed", report::Table::Align::left}});
  for (const Scheme& scheme : known_schemes())
    table.add_row(scheme_row(scheme, MatrixView(values.data(), kRows, kColumns)));
  fmt::print("{}", table.to_string(report::use_colour()));
}

}  // namespace

void add_schemes_command(CLI::App& program) {
  CLI::App* command =
      program.add_subcommand("schemes", "every scheme, its weight format and the kernel that runs it");
  command->footer(
      "bits/weight: scales included, for a layer of 64 x 1024. speed: fast, or ref for the scalar "
      "reference.\n"
      "A scheme is weights and tokens in any order: int8-tensor, int4-g32-asym, int8-dynamic, int4-wo.");
  command->callback(run_schemes);
}

}  // namespace lowbit::cli
