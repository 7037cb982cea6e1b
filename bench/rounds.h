// Times of several tasks that are to be compared, measured in turns, so that a change in the machine's speed
// meets all of them.
#pragma once

#include <functional>
#include <vector>

namespace lowbit::bench {

using Task = std::function<void()>;

double seconds_now();

enum class Caches {
  warm,  ///< the calls of a turn follow each other; the first, which refills the caches, is not counted
  cold,  ///< a turn is one call
};

/// The median time of a call of each task, in seconds. A turn lasts about a millisecond, or one call where
/// that is longer. There are at least three turns each, after one call that is not counted, and as many as
/// `budget` seconds hold.
std::vector<double> alternate(const std::vector<Task>& tasks, double budget, Caches caches = Caches::warm);

}  // namespace lowbit::bench
