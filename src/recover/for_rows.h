// SPDX-License-Identifier: Apache-2.0
// Rows of a matrix on several threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <vector>

#include "lowbit/runtime/detail/float_env.h"
#include "lowbit/runtime/executor.h"

namespace lowbit::detail {

/// Rows that read second moments together.
inline constexpr std::int64_t kRowsAtATime = 8;

/// f(first, last) for runs of at most `step` of `rows` rows, each on one thread with the default rounding.
/// What one of them throws is thrown here, that of the lowest rows where there are several. Results must not
/// depend on the runs.
template <class F>
void for_rows(std::int64_t rows, std::int64_t step, int threads, const F& f) {
  const auto count = static_cast<int>((rows + step - 1) / step);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(count));
  const auto task = [&](int i) {
    const FloatEnvironmentGuard defaults;
    try {
      f(i * step, std::min(rows, (i + 1) * step));
    } catch (...) {
      failures[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  if (threads == 1 || count == 1)
    for (int i = 0; i < count; ++i) task(i);
  else
    make_thread_pool(threads)->parallel_for(count, task);
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace lowbit::detail
