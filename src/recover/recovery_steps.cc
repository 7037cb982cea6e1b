// SPDX-License-Identifier: Apache-2.0
// The names of recovery steps, and the two sets that have one.
#include "recover/recovery_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "core/refuse.h"

namespace lowbit {
namespace {

struct NamedStep {
  RecoveryStep step;
  std::string_view name;
};
constexpr NamedStep kStepNames[] = {
    {RecoveryStep::equalize, "equalize"}, {RecoveryStep::smooth, "smooth"},
    {RecoveryStep::awq, "awq"},           {RecoveryStep::absorb, "absorb"},
    {RecoveryStep::wide, "wide"},         {RecoveryStep::ranges, "ranges"},
    {RecoveryStep::readers, "readers"},   {RecoveryStep::hqq, "hqq"},
    {RecoveryStep::gptq, "gptq"},         {RecoveryStep::qronos, "qronos"},
    {RecoveryStep::adaround, "adaround"}, {RecoveryStep::signround, "signround"},
    {RecoveryStep::descent, "descent"},   {RecoveryStep::bias, "bias"},
};

constexpr bool steps_are_in_order() {
  for (std::size_t i = 0; i < std::size(kStepNames); ++i)
    if (static_cast<std::size_t>(kStepNames[i].step) != i) return false;
  return true;
}
static_assert(steps_are_in_order(), "a row for every step, in the order of RecoveryStep");

}  // namespace

bool detail::asks_for(const RecoverOptions& options, RecoveryStep step) {
  return std::find(options.steps.begin(), options.steps.end(), step) != options.steps.end();
}

double detail::seconds_since(RecoveryClock::time_point start) {
  return std::chrono::duration<double>(RecoveryClock::now() - start).count();
}

std::vector<std::string> RecoveryReport::failures() const {
  std::vector<std::string> all;
  const auto add = [&](const std::string& where, const std::vector<Step>& steps) {
    for (const Step& step : steps)
      if (step.failed) all.push_back(fmt::format("{}, {}: {}", where, step.name, step.note));
  };
  add("the network", network);
  for (const Layer& layer : layers) add(fmt::format("layer '{}'", layer.name), layer.steps);
  return all;
}

std::string_view step_name(RecoveryStep step) {
  return kStepNames[static_cast<std::size_t>(step)].name;
}

std::string recovery_step_names() {
  std::string names;
  for (const NamedStep& s : kStepNames) names += fmt::format("{}{}", names.empty() ? "" : ", ", s.name);
  return names;
}

RecoverOptions parse_recovery(std::string_view text) {
  RecoverOptions options;
  options.samples = 160, options.positions = 48, options.descents = 3;
  if (text == "fast") return options;
  options.samples = 1000, options.positions = 96, options.descents = 8, options.descent_products = 3e11;
  if (text == "best") {
    options.steps = {RecoveryStep::wide,   RecoveryStep::ranges,  RecoveryStep::gptq,
                     RecoveryStep::qronos, RecoveryStep::descent, RecoveryStep::bias};
    return options;
  }
  options.steps.clear();
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t end = std::min(text.find(',', first), text.size());
    const std::string_view name = text.substr(first, end - first);
    const auto* at = std::find_if(std::begin(kStepNames), std::end(kStepNames),
                                  [&](const NamedStep& s) { return s.name == name; });
    if (at == std::end(kStepNames))
      refuse(fmt::format("'{}' is no recovery; there are fast, best, and with commas {}", name,
                         recovery_step_names()));
    if (!detail::asks_for(options, at->step)) options.steps.push_back(at->step);
    first = end + 1;
  }
  return options;
}

namespace {

/// With the steps and the numbers of a preset.
Recovery recover_as(std::string_view preset, RecoverOptions options) {
  const RecoverOptions set = parse_recovery(preset);
  options.steps = set.steps;
  options.samples = set.samples, options.positions = set.positions, options.descents = set.descents;
  options.descent_products = set.descent_products;
  return recover(std::move(options));
}

}  // namespace

Recovery recover_fast(RecoverOptions options) {
  return recover_as("fast", std::move(options));
}

Recovery recover_best(RecoverOptions options) {
  return recover_as("best", std::move(options));
}

Recovery recover_default(RecoverOptions options) {
  return recover_fast(std::move(options));
}

}  // namespace lowbit
