// SPDX-License-Identifier: Apache-2.0
#include "eval/search_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "report/verdict.h"

namespace lowbit::eval {
namespace {

std::vector<std::string> asked_for(const SearchLimits& limits) {
  std::vector<std::string> asked;
  if (limits.max_drop)
    asked.push_back(fmt::format("at most {:g} {} of accuracy lost", *limits.max_drop,
                                *limits.max_drop == 1 ? "point" : "points"));
  if (limits.min_speedup)
    asked.push_back(fmt::format("at least {:g} times as fast as fp32", *limits.min_speedup));
  if (limits.max_bytes) asked.push_back("a file of at most " + report::size_text(*limits.max_bytes));
  if (limits.max_memory) asked.push_back("at most " + report::size_text(*limits.max_memory) + " of memory");
  if (limits.max_joules) asked.push_back(fmt::format("at most {:g} J", *limits.max_joules));
  return asked;
}

report::TradeOff trade_off(const FrontPoint& point, double batch, bool has_labels, bool on_front) {
  report::TradeOff trade;
  trade.name = point.name;
  trade.on_front = on_front;
  trade.bytes = static_cast<double>(point.predicted.bytes);
  trade.ns = point.predicted.ns / batch;
  trade.sqnr_db = point.predicted.sqnr_db();
  if (!point.measured) return trade;
  const NetworkMeasurement& measured = *point.measured;
  trade.bytes = static_cast<double>(measured.file_bytes);
  trade.ns = measured.ns / batch;
  trade.sqnr_db = measured.sqnr_db;
  const std::int64_t count = has_labels ? measured.correct.value_or(0) : measured.agree;
  if (measured.samples > 0)
    trade.accuracy = static_cast<double>(count) / static_cast<double>(measured.samples);
  trade.points = -measured.drop;
  return trade;
}

}  // namespace

void add_search(const SearchResult& result, report::NetworkReport& report) {
  const double batch = static_cast<double>(std::max<std::int64_t>(result.table.batch, 1));
  const std::vector<std::string> asked = asked_for(result.asked);
  if (!asked.empty())
    report.asked.push_back(fmt::format("Asked for: {}. {}", fmt::join(asked, ", "),
                                       !result.keeps_limits()
                                           ? (asked.size() == 1 ? "It is not kept:" : "Not all are kept:")
                                       : asked.size() == 1 ? "It is kept."
                                                           : "All are kept."));
  report.asked.insert(report.asked.end(), result.missed.begin(), result.missed.end());
  for (const FrontPoint& point : result.front)
    report.front.push_back(trade_off(point, batch, report.has_labels, true));
  const auto is_on_front = [&](const FrontPoint& point) {
    return std::any_of(result.front.begin(), result.front.end(), [&](const FrontPoint& other) {
      return other.name == point.name && other.recovered == point.recovered;
    });
  };
  for (const FrontPoint& point : result.uniform)
    if (!is_on_front(point)) report.front.push_back(trade_off(point, batch, report.has_labels, false));
  report.notes.insert(report.notes.end(), result.notes.begin(), result.notes.end());
  if (result.refinement && result.refinement->kept)
    report.notes.push_back(fmt::format(
        "The network was trained for its codes: {}. On the samples that the "
        "search decides by, it loses {:.2f} points, {:.2f} before.",
        result.refinement->description, result.refinement->after->drop, result.refinement->before.drop));
  else if (result.refinement)
    report.notes.push_back(
        fmt::format("The network was not made better by training: {}.", result.refinement->description));
  if (result.out_of_time)
    report.asked.push_back(
        fmt::format("The search ended by its limit of time, with the best of {} networks so far: with more "
                    "minutes it may find a better one.",
                    result.uniform.size() + result.tried.size()));
  if (!result.table.energy_source.empty())
    report.notes.push_back("Energy: " + result.table.energy_source + ".");
  if (result.given.measured && result.given.measured->joules > 0)
    report.models[report.subject].joules = result.given.measured->joules / batch;
  if (result.fp32.joules > 0) report.models[report.reference].joules = result.fp32.joules / batch;
}

}  // namespace lowbit::eval
