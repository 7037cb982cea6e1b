// SPDX-License-Identifier: Apache-2.0
// CostTable: what each layer of a network costs in each of the schemes that it may get, on one machine: time
// in its place in the network, bytes, and what it does to the outputs. choose.h chooses from one,
// measure_costs() (measure_costs.h) makes one, lowbit/io/json/cost_table.h makes a file of it that can be
// edited and fed back.
//
// Times of layers, of conversions between floats and codes and of the rest add up to the network's; bytes
// and, as long as it is small, the noise of the outputs do so too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "lowbit/core/scheme.h"

namespace lowbit {

struct CostTable {
  static constexpr double kExact = std::numeric_limits<double>::infinity();

  /// A layer in one scheme. Times are of a batch.
  struct Candidate {
    Scheme scheme;
    std::string kernel{};             ///< as Model::kernel
    double ns = 0, ns_spread = 0;     ///< as in MeasuredTime (profile.h)
    std::size_t bytes = 0;            ///< of weights and biases in a file
    std::size_t loaded_bytes = 0;     ///< of them in memory; 0: as in the file
    double layer_sqnr_db = kExact;    ///< of the layer's own output, its inputs as in fp32
    double network_sqnr_db = kExact;  ///< of the network's first output when no other layer is quantized
    double joules = 0;                ///< of a batch; 0: unknown
    /// Reads codes and gives codes; else floats. What lies between layers is converted where they differ.
    bool codes = false;
  };
  struct Layer {
    std::string name;
    std::vector<Candidate> candidates{};
  };

  /// A value that some read as floats and some as codes costs a conversion, once for all of them.
  struct Conversion {
    std::string value;
    int producer = -1;            ///< layer; -1: none
    std::vector<int> readers{};   ///< layers
    bool made_as_codes = false;   ///< where no layer makes it
    bool read_as_codes = false;   ///< by what is no layer
    bool read_as_floats = false;  ///< likewise; by the caller, too
    double to_codes_ns = 0, to_floats_ns = 0;
  };

  /// A whole network in one scheme, and the one in fp32.
  struct Whole {
    Scheme scheme;
    double ns = 0, ns_spread = 0;
    std::size_t bytes = 0;            ///< of the file
    std::size_t workspace_bytes = 0;  ///< Workspace::bytes
    double network_sqnr_db = kExact;  ///< of the first output
    double joules = 0;
  };

  std::uint64_t model = 0;   ///< fingerprint() of the fp32 model
  std::string cpu{}, isa{};  ///< that times are of
  int threads = 1;
  std::int64_t batch = 1;
  std::int64_t samples = 0;  ///< that outputs were compared on
  /// Whether some network_sqnr_db follow from layer_sqnr_db, for want of time.
  bool extrapolated = false;
  std::string recovery{};       ///< what codes are after; empty: rounded to the nearest
  bool compressed = false;      ///< bytes are of files that SaveOptions::compress makes
  std::string energy_source{};  ///< where joules come from; empty: there are none
  Scheme rest_scheme{"int8"};   ///< of what is no layer: additions, pools
  double rest_ns = 0, rest_joules = 0;
  std::size_t rest_bytes = 0;            ///< of a file beside the weights
  std::size_t rest_loaded_bytes = 0;     ///< of them in memory; 0: as in the file
  double rest_network_sqnr_db = kExact;  ///< of quantizing what is no layer
  std::vector<Layer> layers{};
  std::vector<Conversion> conversions{};
  std::vector<Whole> wholes{};  ///< fp32 first
};

/// What a choice of one candidate a layer adds up to.
struct CostSum {
  double ns = 0;
  std::size_t bytes = 0;
  double noise = 0;  ///< power of the outputs' error, as a part of the signal's
  double joules = 0;
  std::size_t memory = 0;  ///< bytes of the loaded file and of the largest workspace of the schemes in it
  double sqnr_db() const;
};

/// `choice`: an index into candidates for each layer. Throws Error(invalid_argument) for one that does not
/// fit the table.
CostSum add_up(const CostTable& table, const std::vector<int>& choice);

/// Throws Error(invalid_argument) with the sentence for a table that cannot be: no layers, a layer without
/// candidates or with the same scheme twice, numbers that are negative or not finite.
void check(const CostTable& table);

}  // namespace lowbit
