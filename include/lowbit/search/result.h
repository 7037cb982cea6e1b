// SPDX-License-Identifier: Apache-2.0
// SearchResult: what a search was asked for, what it found, and the front that it chose from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lowbit/core/scheme.h"
#include "lowbit/model/model.h"
#include "lowbit/search/cost_table.h"

namespace lowbit {

/// Limits that a network must keep; what is empty is free.
struct SearchLimits {
  /// Points of 100 that accuracy may fall below fp32's: images whose largest output is their label; without
  /// labels, images on which it is not the one of fp32.
  std::optional<double> max_drop{};
  std::optional<double> min_speedup{};      ///< fp32's time over that of the network
  std::optional<std::size_t> max_bytes{};   ///< of the file
  std::optional<std::size_t> max_memory{};  ///< of the file's weights and a workspace
  std::optional<double> max_joules{};       ///< of a batch
};

/// One layer as it is in a network of the front.
struct LayerChoice {
  std::string layer;
  Scheme scheme;
  std::string kernel;
  double ns = 0;  ///< of a batch, from the table
  std::size_t bytes = 0;
  double layer_sqnr_db = 0;    ///< as in CostTable
  double network_sqnr_db = 0;  ///< likewise
};

/// Measured on the held-out samples and on this machine.
struct NetworkMeasurement {
  double ns = 0, ns_spread = 0;  ///< of a batch
  std::size_t file_bytes = 0;    ///< of the .lowbit file
  std::size_t memory = 0;        ///< the bytes of a plain file and Workspace::bytes
  double joules = 0;             ///< of a batch; 0: unknown
  double sqnr_db = 0;            ///< of the first output against fp32
  std::int64_t samples = 0;
  std::int64_t agree = 0;  ///< samples with fp32's answer
  std::optional<std::int64_t> correct{};
  double drop = 0, drop_error = 0;  ///< points of 100 below fp32, and their standard error
};

/// A network of the front: what the table predicts, and what was measured where it was run.
struct FrontPoint {
  std::string name;                 ///< "int8" where all layers have one scheme; else "mixed"
  std::vector<LayerChoice> layers;  ///< in order of the graph
  CostSum predicted;
  std::optional<NetworkMeasurement> measured{};
  bool recovered = false;  ///< measured after the recovery of the whole network
  bool refined = false;    ///< measured after SearchOptions::refine

  /// For QuantizeOptions::overrides, with CostTable::rest_scheme as its scheme.
  std::vector<std::pair<std::string, Scheme>> overrides() const;
};

/// What became of SearchOptions::refine.
struct SearchRefinement {
  std::string description;  ///< RefinedModel's
  NetworkMeasurement before;
  std::optional<NetworkMeasurement> after{};
  bool kept = false;  ///< it is the network that is given
};

struct SearchResult {
  SearchLimits asked;
  std::optional<Model> model{};  ///< what was found; nothing where no network could be made
  FrontPoint given;              ///< the same as numbers
  NetworkMeasurement fp32;
  /// Of all networks that were measured those that no other one beats in time, bytes and accuracy; by time.
  std::vector<FrontPoint> front;
  std::vector<FrontPoint> predicted_front;  ///< of the table's sums, before any recovery of whole networks
  std::vector<FrontPoint> uniform;          ///< all layers in one scheme, as far as they were measured
  std::vector<FrontPoint> tried;            ///< what was run, in order
  /// A sentence for each limit that `given` misses; empty: it keeps all.
  std::vector<std::string> missed{};
  std::vector<std::string> notes{};  ///< what a reader should know besides
  std::optional<SearchRefinement> refinement{};
  bool out_of_time = false;  ///< the search ended by its limit, with the best so far
  double seconds = 0;
  CostTable table{};

  bool keeps_limits() const { return missed.empty(); }
};

}  // namespace lowbit
