// SPDX-License-Identifier: Apache-2.0
// What a report of networks comes to: whether the judged one is good enough, which layers hurt, what to do.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "report/network_report.h"
#include "report/statistics.h"

namespace lowbit::report {

struct Verdict {
  enum class Kind {
    good,     ///< even the worse end of the interval is within what may be lost
    unclear,  ///< the interval has what may be lost inside
    bad,      ///< even the better end is beyond it
  };
  Kind kind = Kind::unclear;
  /// Points of 100 gained (below 0: lost) against the reference, and 95 % of confidence. Without labels every
  /// changed answer counts as lost.
  double points = 0;
  Interval interval{};
  double p = 1;          ///< McNemar's test, with labels
  std::string headline;  ///< "Good enough."
  std::string sentence;  ///< why
};

/// A step to take, and the command for it; empty where there is none.
struct Advice {
  std::string title, why, command;
};

/// Of models[index], or of the judged one.
Verdict judge(const NetworkReport& report, std::size_t index);
Verdict judge(const NetworkReport& report);
/// Indices into the judged model's layers, the most damaging first: those that do at least `least` of all
/// damage.
std::vector<std::size_t> worst_layers(const NetworkReport& report, std::size_t most, double least = 0.1);
/// "conv1 does 41 % of the damage, ..."; empty where layers could not be probed.
std::string damage_sentence(const NetworkReport& report);
std::vector<Advice> advise(const NetworkReport& report);

/// "163 kB", "1.20 MB".
std::string size_text(std::uint64_t bytes);
/// "0.61 ms", "12 us", of nanoseconds.
std::string time_text(double ns);
/// "3.1x faster", "1.2x slower", "as fast".
std::string speed_text(double reference_ns, double ns);
/// "-0.16", with a true minus sign.
std::string points_text(double points);

}  // namespace lowbit::report
