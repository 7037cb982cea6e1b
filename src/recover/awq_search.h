// SPDX-License-Identifier: Apache-2.0
// The search of awq.h, which sees the moments of one layer after the other and keeps none.
#pragma once

#include <cstddef>
#include <vector>

#include "lowbit/recover/awq.h"

namespace lowbit::detail {

class AwqSearch {
 public:
  /// All must outlive it. Throws Error(invalid_argument) as awq_factors().
  AwqSearch(const Graph& graph, const ScaleGroups& groups, const ChannelStats& stats,
            const QuantizerOfNode& quantizer, const AwqOptions& options);

  /// Whether the layer reads channels that have factors, and is to be quantized.
  bool wants(std::size_t node) const;
  /// Throws Error(invalid_argument) for moments of another layer.
  void check(std::size_t node, const LayerMoments& moments) const;
  /// What each exponent loses in that layer.
  void see(std::size_t node, const LayerMoments& moments);
  /// Of the exponents that lose least in what was seen; 1 where nothing was.
  std::vector<double> factors() const;

 private:
  struct Reader;
  std::vector<double> sizes_of(const ScaleGroups::Family& family) const;
  std::vector<double> with_exponent(std::size_t family, int exponent, std::vector<double> factors) const;
  double loss(const Reader& reader, const std::vector<double>& factors) const;

  const Graph& graph_;
  const ScaleGroups& groups_;
  const ChannelStats& stats_;
  const QuantizerOfNode& quantizer_;
  AwqOptions options_;
  std::vector<int> family_of_;               ///< of a node as a reader; -1: none
  std::vector<std::vector<double>> sizes_;   ///< of the groups of each family
  std::vector<std::vector<double>> losses_;  ///< of the exponents of each family
};

}  // namespace lowbit::detail
