// The names of recovery steps, and the two sets that have one.
#include "recover/recovery_steps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/refuse.h"

namespace lowbit {
namespace {

constexpr std::array<std::string_view, 9> kNames{"wide",     "ranges",    "hqq",     "gptq", "qronos",
                                                 "adaround", "signround", "descent", "bias"};

}  // namespace

bool detail::asks_for(const RecoverOptions& options, RecoveryStep step) {
  return std::find(options.steps.begin(), options.steps.end(), step) != options.steps.end();
}

double detail::seconds_since(RecoveryClock::time_point start) {
  return std::chrono::duration<double>(RecoveryClock::now() - start).count();
}

std::string_view step_name(RecoveryStep step) {
  return kNames[static_cast<std::size_t>(step)];
}

std::string recovery_step_names() {
  return fmt::format("{}", fmt::join(kNames, ", "));
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
    const auto at = std::find(kNames.begin(), kNames.end(), name);
    if (at == kNames.end())
      refuse(fmt::format("'{}' is no recovery; there are fast, best, and with commas {}", name,
                         recovery_step_names()));
    const auto step = static_cast<RecoveryStep>(at - kNames.begin());
    if (!detail::asks_for(options, step)) options.steps.push_back(step);
    first = end + 1;
  }
  return options;
}

}  // namespace lowbit
