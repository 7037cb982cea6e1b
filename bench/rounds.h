// SPDX-License-Identifier: Apache-2.0
// Times of several tasks that are to be compared, measured in turns, so that a change in the machine's speed
// meets all of them.
#pragma once

#include <functional>
#include <vector>

namespace lowbit::bench {

using Task = std::function<void()>;

enum class Caches {
  warm,  ///< the calls of a turn follow each other; those of its first millisecond are not counted
  cold,  ///< a turn is one call
};
enum class Clock {
  thread,  ///< processor time of the calling thread, where the system tells it: other programs count less
  wall,    ///< for tasks that use several threads
};

double seconds_now(Clock clock = Clock::wall);

struct RoundOptions {
  double budget = 0.1;  ///< seconds for all rounds together
  Caches caches = Caches::warm;
  Clock clock = Clock::thread;
  /// Leave out rounds at whose begin or end the core issued fewer instructions a cycle than it can: another
  /// program was on its second hardware thread. After 20 budgets they count, if there are too few others.
  bool unshared = false;
};

/// Of an even number the upper one of the two in the middle.
double median(std::vector<double> values);

/// The median time of a call of each task, in seconds. A turn lasts 2.5 milliseconds, or one call where
/// that is longer. There are at least five turns each, after one call that is not counted, and as many as
/// the budget holds.
std::vector<double> alternate(const std::vector<Task>& tasks, const RoundOptions& options);

}  // namespace lowbit::bench
