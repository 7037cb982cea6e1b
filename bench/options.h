// SPDX-License-Identifier: Apache-2.0
// The flags of lowbit_bench itself, beside those of Google Benchmark.
#pragma once

namespace lowbit::bench {

struct Options {
  bool short_set = false;  ///< fewer shapes, and the table at the end
  bool table = false;      ///< print x_eigen of all that ran as tables
  bool reference = false;  ///< the scalar reference kernels as well
  bool unshared = false;   ///< leave out rounds while another program slows the core down
  double budget = 0.1;     ///< seconds of alternating rounds for one benchmark
};

const Options& options();
/// Takes these flags out of the command line. Throws std::invalid_argument for a budget that is no number.
void take_options(int& argc, char** argv);

}  // namespace lowbit::bench
