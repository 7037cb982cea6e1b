// SPDX-License-Identifier: Apache-2.0
// The serial executor and the thread pool: Eigen's NonBlockingThreadPool with work handed out through
// preallocated slots. This is the only file that includes Eigen's unsupported headers.
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
// Eigen's queues use fences, which the sanitizer does not model; what pieces of work share is published by
// Slot alone.
#pragma GCC diagnostic ignored "-Wtsan"
#endif

#include "lowbit/runtime/executor.h"

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <unsupported/Eigen/CXX11/ThreadPool>
#include <utility>

#include "lowbit/core/error.h"
#include "lowbit/runtime/detail/float_env.h"

namespace lowbit {
namespace {

class SerialExecutor final : public Executor {
 public:
  int concurrency() const noexcept override { return 1; }
  void parallel_for(int count, TaskRef task) noexcept override {
    for (int i = 0; i < count; ++i) task(i);
  }
};

/// Eigen's customization point. A task is a std::function whose two words of capture fit its inline buffer.
struct PoolEnvironment {
  struct Task {
    std::function<void()> f;
  };
  class EnvThread {
   public:
    explicit EnvThread(std::function<void()> f)
        : thread_([body = std::move(f)] {
            const FloatEnvironmentGuard guard;
            body();
          }) {}
    ~EnvThread() { thread_.join(); }
    void OnCancel() {}

   private:
    std::thread thread_;
  };
  EnvThread* CreateThread(std::function<void()> f) { return new EnvThread(std::move(f)); }
  Task CreateTask(std::function<void()> f) { return Task{std::move(f)}; }
  void ExecuteTask(const Task& task) { task.f(); }
};

/// One parallel_for in flight. A helper that is still queued when the work is done finds the slot closed or
/// taken by a later job (another generation) and leaves: so nobody ever waits for a task that has not
/// started, and nested calls cannot deadlock.
class alignas(64) Slot {
 public:
  /// Claims the slot; false when it is in use.
  bool try_claim() {
    bool expected = false;
    return !claimed_.load(std::memory_order_relaxed) &&
           claimed_.compare_exchange_strong(expected, true, std::memory_order_acquire);
  }
  void release() { claimed_.store(false, std::memory_order_release); }

  /// Publishes a job; returns its generation.
  std::uint32_t open(int count, TaskRef& task) {
    count_ = count;
    task_ = &task;
    next_.store(0, std::memory_order_relaxed);
    const std::uint64_t generation = (state_.load(std::memory_order_relaxed) >> 32) + 1;
    state_.store((generation << 32) | kOpen, std::memory_order_release);
    return static_cast<std::uint32_t>(generation);
  }

  /// A worker's part: joins the job if it is still open, and helps.
  void help(std::uint32_t generation) {
    std::uint64_t state = state_.load(std::memory_order_acquire);
    do {
      if (static_cast<std::uint32_t>(state >> 32) != generation || (state & kOpen) == 0) return;
    } while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire));
    work();
    state_.fetch_sub(1, std::memory_order_release);
  }

  void work() {
    for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) (*task_)(i);
  }

  /// Lets nobody in any more and waits until those inside have left.
  void close() {
    std::uint64_t state = state_.fetch_and(~kOpen, std::memory_order_acquire) & ~kOpen;
    for (int spins = 0; (state & 0xFFFFFFFFu) != 0; ++spins) {
      if (spins > kSpins) std::this_thread::yield();
      state = state_.load(std::memory_order_acquire);
    }
  }

 private:
  static constexpr std::uint64_t kOpen = 1u << 31;
  static constexpr int kSpins = 2000;
  std::atomic<std::uint64_t> state_{0};  // generation (32 bits), open (1), helpers inside (31)
  std::atomic<int> next_{0};
  int count_ = 0;
  TaskRef* task_ = nullptr;
  std::atomic<bool> claimed_{false};
};

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int threads) : threads_(threads), pool_(threads - 1, true, PoolEnvironment()) {}

  int concurrency() const noexcept override { return threads_; }

  void parallel_for(int count, TaskRef task) noexcept override {
    Slot* slot = count > 1 ? claim() : nullptr;
    if (slot == nullptr) {
      for (int i = 0; i < count; ++i) task(i);
      return;
    }
    const std::uint32_t generation = slot->open(count, task);
    const int helpers = (count < threads_ ? count : threads_) - 1;
    for (int h = 0; h < helpers; ++h) pool_.Schedule([slot, generation] { slot->help(generation); });
    slot->work();
    slot->close();
    slot->release();
  }

 private:
  /// Null when more jobs are in flight than there are slots: the caller then works alone.
  Slot* claim() {
    for (Slot& slot : slots_)
      if (slot.try_claim()) return &slot;
    return nullptr;
  }

  static constexpr int kSlots = 64;
  int threads_;
  Slot slots_[kSlots];
  Eigen::ThreadPoolTempl<PoolEnvironment>
      pool_;  // last: its destructor joins the workers, which use the slots
};

}  // namespace

Executor& serial_executor() {
  static SerialExecutor executor;
  return executor;
}

std::shared_ptr<Executor> make_thread_pool(int threads) {
  if (threads < 1 || threads > 1024)
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a thread pool has 1 to 1024 threads, not {}", threads));
  if (threads == 1) return std::make_shared<SerialExecutor>();
  return std::make_shared<ThreadPool>(threads);
}

}  // namespace lowbit
