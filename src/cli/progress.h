// A progress bar on standard error; it draws nothing where that is not a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lowbit::cli {

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
  std::chrono::steady_clock::time_point last_{};
};

/// The text of the bar: "label [#####.....]  50 %". done is limited to [0, total]; total 0 counts as done.
std::string progress_bar(const std::string& label, std::int64_t done, std::int64_t total);

}  // namespace lowbit::cli
