// SPDX-License-Identifier: Apache-2.0
#include "report/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "report/terminal.h"

namespace lowbit::report {
namespace {

constexpr int kWidth = 30;
// Drawing takes time that a measurement beside it would notice.
constexpr auto kInterval = std::chrono::milliseconds(100);

}  // namespace

std::string progress_bar(const std::string& label, std::int64_t done, std::int64_t total) {
  const double part =
      total > 0 ? static_cast<double>(std::clamp<std::int64_t>(done, 0, total)) / static_cast<double>(total)
                : 1.0;
  const auto filled = static_cast<std::size_t>(part * kWidth);
  return fmt::format("{} [{}{}] {:3d} %", label, std::string(filled, '#'), std::string(kWidth - filled, '.'),
                     static_cast<int>(part * 100));
}

std::string time_left(std::int64_t done, std::int64_t total, double seconds) {
  if (done <= 0 || done >= total || seconds < 0.5) return {};
  const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done);
  const auto s = static_cast<std::int64_t>(std::min(std::ceil(left), 360000.0));  // 100 hours say enough
  if (s < 60) return fmt::format("{} s left", s);
  if (s < 3600) return fmt::format("{}:{:02} min left", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02} h left", s / 3600, s / 60 % 60, s % 60);
}

Progress::Progress(std::string label, std::int64_t total)
    : label_(std::move(label)),
      total_(total),
      visible_(stderr_is_terminal()),
      start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void Progress::update(std::int64_t done) {
  if (!visible_) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_ < kInterval) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::string left = time_left(done, total_, seconds);
  fmt::print(stderr, "\r{}{}{}\033[K", progress_bar(label_, done, total_), left.empty() ? "" : ", ", left);
  std::fflush(stderr);
  drawn_ = true;
  last_ = now;
}

}  // namespace lowbit::report
