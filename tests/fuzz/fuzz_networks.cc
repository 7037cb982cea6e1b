// SPDX-License-Identifier: Apache-2.0
// Networks of random structure against a plain interpreter, batches against samples, files against models.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "fuzz.h"
#include "network_checks.h"
#include "random_network.h"
#include "support/random.h"

namespace lowbit::fuzz {

void try_input(std::span<const std::byte> input) {
  const Graph graph = random_network(input);
  std::uint64_t hash = 0;
  for (const std::string& fault : {check_floats(graph), check_codes(graph, hash)})
    if (!fault.empty()) {
      fmt::print(stderr, "{}\n", fault);
      std::abort();
    }
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    testing::Random random(seed);
    Bytes& bytes = all.emplace_back(48);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random.next());
  }
  return all;
}

}  // namespace lowbit::fuzz
