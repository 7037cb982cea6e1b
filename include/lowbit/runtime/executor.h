// SPDX-License-Identifier: Apache-2.0
// Executor: where parallel work runs. The library splits work into independent pieces; the caller may bring
// its own threads by implementing this interface. Results never depend on the executor or on the number of
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "lowbit/core/config.h"

namespace lowbit {

/// A non-owning reference to a callable void(int), which must outlive it and every copy of it; two words,
/// never allocates.
class TaskRef {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, TaskRef>) TaskRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* o, int i) { (*static_cast<std::remove_reference_t<F>*>(o))(i); }) {}
  void operator()(int i) const { call_(object_, i); }

 private:
  void* object_;
  void (*call_)(void*, int);
};

/// Runs independent pieces of work. Implementations must be callable from several threads at once.
class Executor {
 public:
  virtual ~Executor() = default;
  /// How many pieces can run at the same time, the caller's thread included; at least 1;
  /// the same for the life of the executor.
  virtual int concurrency() const noexcept = 0;
  /// Calls task(0) .. task(count - 1), each once, in any order and on any thread, and returns when all are
  /// done. `task` does not throw.
  virtual void parallel_for(int count, TaskRef task) noexcept = 0;
};

/// Runs everything on the calling thread.
Executor& serial_executor();
/// `threads` workers including the caller (1: the serial executor's behaviour). A parallel_for allocates
/// nothing. Throws Error(invalid_argument) unless 1 <= threads <= 1024.
std::shared_ptr<Executor> make_thread_pool(int threads);

}  // namespace lowbit
