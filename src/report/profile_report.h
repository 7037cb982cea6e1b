// SPDX-License-Identifier: Apache-2.0
// ProfileReport: the result of `lowbit profile`, as a table for people and as JSON for programs.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lowbit/model/profile.h"
#include "report/machine.h"

namespace lowbit::report {

/// One node of a model. Times and products are of the whole batch.
struct ProfileRow {
  std::string name, op, scheme;
  std::string kernel;  ///< empty for plain loops
  MeasuredTime time;
  std::int64_t products = 0;  ///< multiplications
  std::uint64_t bytes = 0;    ///< of weights, scales and constants
  std::uint64_t memory = 0;   ///< of the values that live while it runs, and its scratch memory

  /// Billions of products a second; 0 where there are none.
  double gproducts_per_second() const;
};

struct ProfileReport {
  std::string model, scheme;
  std::string data;  ///< what the inputs were
  Machine machine;
  std::int64_t batch = 1, runs = 0;
  std::vector<ProfileRow> rows;  ///< in order of the graph
  MeasuredTime whole;
  double outside_ns = 0;  ///< copies of inputs and outputs
  std::uint64_t weight_bytes = 0, workspace_bytes = 0;
  double joules = 0;          ///< of a run
  std::string energy_source;  ///< where joules come from

  /// Of all rows and what lies outside of them.
  double sum_ns() const;
};

std::vector<ProfileRow> profile_rows(const Model& model, const ModelProfile& profile, std::int64_t batch,
                                     int threads);

/// A row a node in order of the graph, and the sum against whole runs.
std::string format_profile(const ProfileReport& report, bool colour);
/// Schema "lowbit-profile-1".
nlohmann::ordered_json to_json(const ProfileReport& report);

}  // namespace lowbit::report
