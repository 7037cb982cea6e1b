// SPDX-License-Identifier: Apache-2.0
// Runs the built program as a user would, and small models for it to read.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

#include "lowbit/model/model.h"
#include "lowbit/model/serialize.h"
#include "support/random.h"
#include "support/temporary_folder.h"
#ifndef _WIN32
#include <sys/wait.h>
#endif

namespace lowbit::testing {

struct CommandResult {
  int status = -1;
  std::string out, err;
};

/// `arguments` go through the shell: quote what needs it. `environment` is "NAME=value " or empty.
inline CommandResult run_command(const std::string& arguments, const std::string& environment = {}) {
  const TemporaryFolder streams;
  const std::string line = environment + "\"" LOWBIT_COMMAND "\" " + arguments + " >" + streams / "out" +
                           " 2>" + streams / "err" + " </dev/null";
  const int raw = std::system(line.c_str());
#ifdef _WIN32
  const int status = raw;
#else
  const int status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -1;
#endif
  return {status, streams.read("out"), streams.read("err")};
}

/// Bad input: status 2, nothing but one sentence on standard error.
inline ::testing::AssertionResult refused(const CommandResult& result, const std::string& part) {
  if (result.status != 2)
    return ::testing::AssertionFailure() << "status " << result.status << ": " << result.err;
  if (!result.out.empty()) return ::testing::AssertionFailure() << "output: " << result.out;
  if (result.err.rfind("lowbit: ", 0) != 0 || std::count(result.err.begin(), result.err.end(), '\n') != 1 ||
      result.err.back() != '\n')
    return ::testing::AssertionFailure() << "not one line: " << result.err;
  if (result.err.find(part) == std::string::npos)
    return ::testing::AssertionFailure() << "does not say \"" << part << "\": " << result.err;
  return ::testing::AssertionSuccess();
}

/// The same, and no file appears in or vanishes from `folder`.
inline ::testing::AssertionResult refused_without_a_file(const TemporaryFolder& folder,
                                                         const std::string& arguments,
                                                         const std::string& part) {
  const std::size_t before = folder.file_count();
  const auto result = refused(run_command(arguments), part);
  if (!result) return result;
  if (folder.file_count() != before) return ::testing::AssertionFailure() << "a file was left behind";
  return result;
}

/// in -> 16 (ReLU) -> 4 features, random weights.
inline Model small_model(std::int64_t in = 12) {
  Random random(1);
  const auto linear = [&](std::int64_t rows, std::int64_t cols) {
    ops::LinearOp op;
    op.weight = Tensor(Shape{rows, cols});
    for (float& w : op.weight.data) w = random.uniform();
    op.bias.assign(static_cast<std::size_t>(rows), 0.125f);
    return op;
  };
  Graph graph;
  graph.inputs = {graph.add_value("x", Shape{in})};
  ops::LinearOp first = linear(16, in);
  first.activation.lo = 0.0f;
  const int hidden = graph.add_node("first", first, graph.inputs);
  graph.outputs = {graph.add_node("second", linear(4, 16), {hidden})};
  infer_shapes(graph);
  return Model(std::move(graph));
}

/// The model as an fp32 .lowbit file.
inline std::string write_small_model(const TemporaryFolder& folder, std::int64_t in = 12) {
  save(small_model(in), folder / "net.lowbit");
  return folder / "net.lowbit";
}

}  // namespace lowbit::testing
