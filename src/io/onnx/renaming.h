// SPDX-License-Identifier: Apache-2.0
// Renaming: the nodes of a body (of a function, of one step of a loop) under names of their own, so that they
// can stand in the place of the node that has the body, as often as it is wanted.
#pragma once

#include <onnx/onnx_pb.h>

#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace lowbit::onnx_import {

class Renaming {
 public:
  enum class Others {
    stay,   ///< names that the body does not define are those of the graph around it
    inside  ///< the body sees none of those
  };
  /// What the body defines has `prefix` before its name.
  Renaming(std::string prefix, Others others) : prefix_(std::move(prefix)), others_(others) {}

  /// What the body calls `inner` is `outer` outside; "": it is left out.
  void set(const std::string& inner, std::string outer) { given_.insert_or_assign(inner, std::move(outer)); }
  /// All results of nodes and initializers, in graphs inside of the graph as well, where others stay.
  void define_all(const onnx::GraphProto& graph);

  std::string operator()(const std::string& inner) const;
  void rename(onnx::NodeProto& node) const;
  void rename(onnx::GraphProto& graph) const;

 private:
  std::string prefix_;
  Others others_;
  std::unordered_map<std::string, std::string> given_;
  std::set<std::string> defined_;
};

}  // namespace lowbit::onnx_import
