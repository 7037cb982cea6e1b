// SPDX-License-Identifier: Apache-2.0
// Call: an operator of ONNX applied to arrays, as the function that implements it sees it: the types of its
// inputs, the elements of those that are known, attributes, and how to complain.
//
// Such a function (Prepare) looks at all of that once, when a model is made: it says what the outputs are and
// returns the work that is left, which then runs any number of times, allocates nothing and throws nothing.
// It follows the text of the ONNX standard for the operator set `opset()`.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/array_attribute.h"
#include "lowbit/core/error.h"

namespace lowbit::arrays {

class Call {
 public:
  struct Input {
    std::optional<ArrayType> type{};  ///< nothing: the input is left out
    const Array* known = nullptr;     ///< its elements, where they are known beforehand
  };

  /// `attributes` and what `inputs` points to must outlive it. `outputs`: how many the node names.
  Call(std::string_view op, std::int64_t opset, std::span<const ArrayAttribute> attributes,
       std::vector<Input> inputs, int outputs = 1)
      : op_(op), opset_(opset), attributes_(attributes), inputs_(std::move(inputs)), outputs_(outputs) {}

  std::string_view op() const { return op_; }
  std::int64_t opset() const { return opset_; }
  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return outputs_; }
  bool has(int i) const { return i < input_count() && inputs_[static_cast<std::size_t>(i)].type.has_value(); }

  /// Of input i; rejects one that is left out.
  const ArrayType& type(int i) const;
  ElementType element(int i) const { return type(i).element; }
  const Shape& shape(int i) const { return type(i).shape; }
  int rank(int i) const { return shape(i).rank(); }
  /// Null where the elements of input i come only at run time.
  const Array* known(int i) const { return has(i) ? inputs_[static_cast<std::size_t>(i)].known : nullptr; }
  /// The integers of input i, which decide about shapes, none of them beyond 2^31; refuses an input that is
  /// not known.
  std::vector<std::int64_t> integers(int i) const;
  /// The floats (or integers) of input i as floats; refuses one that is not known.
  std::vector<float> floats(int i) const;

  bool has_attribute(std::string_view name) const { return find(name) != nullptr; }
  std::int64_t int_attribute(std::string_view name, std::int64_t otherwise) const;
  float float_attribute(std::string_view name, float otherwise) const;
  std::string text_attribute(std::string_view name, const std::string& otherwise) const;
  std::vector<std::int64_t> ints_attribute(std::string_view name,
                                           const std::vector<std::int64_t>& otherwise) const;
  std::vector<float> floats_attribute(std::string_view name, const std::vector<float>& otherwise) const;

  /// `axis` counted from the end where negative; rejects one outside of `rank` dimensions.
  int axis(std::int64_t axis, int rank) const;
  /// Throws Error(shape_mismatch) for a shape that has too many dimensions or elements.
  Shape make_shape(std::span<const std::int64_t> dims) const;

  /// Throws Error(unsupported): "Gather <form>". For what the standard has and this library has not.
  [[noreturn]] void refuse(const std::string& form) const;
  /// Throws Error(corrupt_file): "Gather <form>". For what contradicts the standard.
  [[noreturn]] void reject(const std::string& form) const;

 private:
  const ArrayAttribute* find(std::string_view name) const;

  std::string_view op_;
  std::int64_t opset_;
  std::span<const ArrayAttribute> attributes_;
  std::vector<Input> inputs_;
  int outputs_;
};

/// What a prepared operator works on when it runs. Inputs that are left out are not present.
struct Run {
  std::span<const ArrayView> in;
  std::span<const MutableArrayView> out;
  std::byte* scratch = nullptr;  ///< Prepared::scratch_bytes, 64-byte aligned
};

using Work = std::function<void(const Run&)>;  ///< may be called from several threads at once

struct Prepared {
  std::vector<ArrayType> outputs;
  Work run;
  std::size_t scratch_bytes = 0;
  /// In the place of `run` where making it takes the longer the larger shapes are: most ask for shapes alone.
  std::function<Work()> make_run{};

  Work work() const { return make_run ? make_run() : run; }
};

using Prepare = Prepared (*)(const Call&);

/// Calls body(T{}) for T = float or std::int64_t: how elements of this type are held.
template <class Body>
decltype(auto) with_storage(ElementType type, Body&& body) {
  if (is_float(type)) return body(float{});
  return body(std::int64_t{});
}

}  // namespace lowbit::arrays
