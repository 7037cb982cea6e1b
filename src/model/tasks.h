// SPDX-License-Identifier: Apache-2.0
// Tasks that may throw, on an executor whose tasks may not.
#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "lowbit/runtime/detail/float_env.h"
#include "lowbit/runtime/executor.h"

namespace lowbit {

/// task(0) .. task(count - 1), in any order and on any thread; throws the failure of the first that failed,
/// when all are done.
template <class F>
void run_tasks(Executor& executor, std::size_t count, F&& task) {
  std::vector<std::exception_ptr> failures(count);
  auto one = [&](int i) {
    const FloatEnvironmentGuard defaults;  // the threads of an executor are not all ours
    try {
      task(static_cast<std::size_t>(i));
    } catch (...) {
      failures[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  executor.parallel_for(static_cast<int>(count), one);
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace lowbit
