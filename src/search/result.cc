// SPDX-License-Identifier: Apache-2.0
#include "lowbit/search/result.h"

namespace lowbit {

std::vector<std::pair<std::string, Scheme>> FrontPoint::overrides() const {
  std::vector<std::pair<std::string, Scheme>> overrides;
  for (const LayerChoice& choice : layers) overrides.emplace_back(choice.layer, choice.scheme);
  return overrides;
}

}  // namespace lowbit
