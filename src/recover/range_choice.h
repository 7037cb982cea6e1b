// SPDX-License-Identifier: Apache-2.0
// Ranges of values chosen by what reads them, in place of those that calibration was asked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "lowbit/layers/function.h"
#include "lowbit/model/quantize.h"

namespace lowbit::detail {

/// Ranges by values' names and bits of their codes.
RangePolicy range_policy(std::map<std::pair<std::string, int>, Range> ranges);
/// What `a` says, or `b` where that says nothing. Either may be empty.
RangePolicy first_of(RangePolicy a, RangePolicy b);

class RangeChoice {
 public:
  /// Both must outlive it; the table is of the graph.
  RangeChoice(const Graph& graph, const CalibrationTable& table);

  /// Whether a function alone reads some value.
  bool functions_read() const;
  /// By what its one reader makes of the codes, where that is a function; nothing for other values, and where
  /// the table has not seen the value, as below.
  std::optional<Range> of_function(const std::string& value, int bits);
  /// By the squared error of the codes themselves.
  std::optional<Range> of_codes(const std::string& value, int bits);

 private:
  using Choice = Range (*)(const FloatHistogram& seen, IntRange codes, const ops::FunctionOp* reader);

  const ops::FunctionOp* reader_of(ValueId value) const;
  std::optional<Range> chosen(const std::string& value, int bits, const ops::FunctionOp* reader,
                              Choice choose);

  const Graph& graph_;
  const CalibrationTable& table_;
  std::map<std::string, ValueId> ids_;
  std::map<std::pair<std::string, int>, std::optional<Range>> of_functions_, of_codes_;
};

}  // namespace lowbit::detail
