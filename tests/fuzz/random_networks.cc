// SPDX-License-Identifier: Apache-2.0
// random_networks COUNT: the checks of network_checks.h on networks 0 to COUNT - 1, and a line for each with
// the hash of what it gives in all schemes. The same text on every CPU.
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "network_checks.h"
#include "random_network.h"
#include "support/random.h"

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 0;
  if (count < 1) return 2;
  int faults = 0;
  for (int n = 0; n < count; ++n) {
    lowbit::testing::Random random(static_cast<std::uint64_t>(n) + 1000);
    std::vector<std::byte> choices(64);
    for (std::byte& b : choices) b = static_cast<std::byte>(random.next());
    const lowbit::Graph graph = lowbit::fuzz::random_network(choices);
    std::uint64_t hash = 0;
    for (const std::string& fault :
         {lowbit::fuzz::check_floats(graph), lowbit::fuzz::check_codes(graph, hash)})
      if (!fault.empty()) {
        ++faults;
        fmt::print(stderr, "network {}: {}\n", n, fault);
      }
    fmt::print("network {}: {} nodes, {:016x}\n", n, graph.nodes.size(), hash);
  }
  return faults ? 1 : 0;
}
