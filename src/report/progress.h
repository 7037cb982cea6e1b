// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error, with the time that is left; it draws nothing where that is not a
// terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lowbit::report {

class Progress {
 public:
  Progress(std::string label, std::int64_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Erases the bar.
  ~Progress();

  void update(std::int64_t done);

 private:
  std::string label_;
  std::int64_t total_;
  bool visible_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_{};
};

/// "12 s left", "2:05 min left" or "1:02:05 h left" at the pace so far; empty where nothing is done or left,
/// or after less than half a second, too short to tell a pace.
std::string time_left(std::int64_t done, std::int64_t total, double seconds);

/// The text of the bar: "label [#####.....]  50 %". done is limited to [0, total]; total 0 counts as done.
std::string progress_bar(const std::string& label, std::int64_t done, std::int64_t total);

}  // namespace lowbit::report
