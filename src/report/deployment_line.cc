// SPDX-License-Identifier: Apache-2.0
#include "report/deployment_line.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/figures.h"

namespace lowbit::report {

std::string deployment_line(const DeploymentComparison& c) {
  std::string line = fmt::format("in integers {} of {} right, in rounded floats {}: {} {}",
                                 c.right_in_integers, c.samples, c.right_in_floats, c.different_answers,
                                 c.different_answers == 1 ? "answer differs" : "answers differ");
  if (c.codes > 0)
    line +=
        fmt::format(", and {} of {} codes ({:.6f} % equal)",
                    with_separators(static_cast<std::uint64_t>(c.different_codes)),
                    with_separators(static_cast<std::uint64_t>(c.codes)),
                    100.0 * static_cast<double>(c.codes - c.different_codes) / static_cast<double>(c.codes));
  return line;
}

nlohmann::ordered_json deployment_json(const DeploymentComparison& c) {
  return {{"samples", c.samples},
          {"right_in_floats", c.right_in_floats},
          {"right_in_integers", c.right_in_integers},
          {"different_answers", c.different_answers},
          {"codes", c.codes},
          {"different_codes", c.different_codes}};
}

}  // namespace lowbit::report
