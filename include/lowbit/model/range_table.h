// SPDX-License-Identifier: Apache-2.0
// RangeTable: a calibration as numbers that a person can read and change: one row per value of the graph with
// its distribution, the range that the observer chose, and what that range costs.
// lowbit/io/json/range_table.h makes a file of it. quantize() takes it back as a CalibrationTable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lowbit/core/qparams.h"
#include "lowbit/core/shape.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/model.h"

namespace lowbit {

struct RangeTable {
  /// `percent` of 100 of the finite values are at most `value`.
  struct Percentile {
    double percent;
    float value;
  };
  /// What has no value here is unknown: the calibration kept no distribution, or the row was changed.
  struct Row {
    std::string tensor;  ///< a value of the graph
    Shape shape;         ///< of one sample
    std::optional<std::uint64_t> count, non_finite;
    std::optional<float> min, max;  ///< of the finite ones
    std::vector<Percentile> percentiles;
    Range clip;  ///< chosen by the observer, or by a person: all that quantize() takes from a row
    int bits = 8;
    QParams qparams;                ///< that follow from clip and bits
    std::optional<double> sqnr_db;  ///< expected of the tensor in codes; infinite where it loses nothing
    std::optional<double> clipped;  ///< share of the finite values beyond the codes, 0 to 1

    /// Changes the range: qparams follow, sqnr_db and clipped become unknown. Throws Error(invalid_argument)
    /// as choose_qparams.
    void set_clip(Range range);
  };

  std::uint64_t model = 0;     ///< fingerprint() of the fp32 model; 0: any whose values fit
  std::string observer, data;  ///< as in CalibrationTable
  std::int64_t samples = 0;
  std::vector<Row> rows;
};

/// Ranges for codes of `bits`, 2 to 16, with a zero point (activations are unsigned). Throws
/// Error(invalid_argument) for other bits.
RangeTable make_range_table(const CalibrationTable& table, int bits = 8);

/// What quantize() takes: observers whose ranges are those of the rows, and which refuse to choose one for
/// other bits. Rows may be in any order. Throws Error(invalid_argument) when the table was made for another
/// model, naming the first tensor that is missing, unknown, given twice or of another shape.
CalibrationTable calibration_table(const RangeTable& table, const Model& fp32);

}  // namespace lowbit
