// SPDX-License-Identifier: Apache-2.0
// The steps of a recovery that rewrite the fp32 network before anything is quantized: it computes the same
// with other factors of channels and other biases.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lowbit/recover/awq.h"
#include "lowbit/recover/recover.h"
#include "recover/recovery_samples.h"

namespace lowbit::detail {

struct NetworkToRewrite {
  const Model& fp32;
  const CalibrationTable* table;  ///< may be null
  /// Factors are chosen by those that are learned from; ranges are of all that there are, as the table's.
  const RecoverySamples& samples;
  const QuantizerOfNode& quantizer;
  const RecoverOptions& options;
};

struct RewrittenNetwork {
  Model fp32;
  std::optional<CalibrationTable> table{};  ///< of this network; empty where there was none
  std::string note{};
};

struct Rewriting {
  RecoveryStep step;
  bool by_weights = false;  ///< EqualizeOptions without statistics
};
/// In the order in which they are tried.
inline constexpr Rewriting kRewritings[] = {{RecoveryStep::equalize},
                                            {RecoveryStep::equalize, true},
                                            {RecoveryStep::smooth},
                                            {RecoveryStep::awq},
                                            {RecoveryStep::absorb}};

/// Nothing: there is nothing to change. `note` says what was found.
std::optional<RewrittenNetwork> rewrite_network(const Rewriting& rewriting, const NetworkToRewrite& network,
                                                std::string& note);

/// Of a rewritten network: those of the one before, and of nodes that are new those of what they are twins
/// of, or of the one in front.
std::vector<Scheme> schemes_of(const Graph& graph, const Graph& before, const std::vector<Scheme>& schemes);

}  // namespace lowbit::detail
