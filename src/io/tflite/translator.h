// SPDX-License-Identifier: Apache-2.0
// Translator: the graph of a TensorFlow Lite file as one of ONNX that says the same: floats, with pairs of
// QuantizeLinear and DequantizeLinear where the file has codes. The importer of ONNX makes a model of it,
// with the codes, scales and zero points of the file.
//
// Images: tensors of four dimensions are N H W C in the file and N C H W in lowbit. A computed one is kept in
// the order in which it was made, and exchanged where an operator wants the other.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "io/tflite/tflite_file.h"

namespace lowbit::tflite {

using Integers = std::vector<std::int64_t>;
using Attribute = std::pair<std::string, std::variant<std::int64_t, float, std::string, Integers>>;

enum class Order { file, image };  ///< image: N C H W, of four dimensions only

class Translator {
 public:
  explicit Translator(const TfliteFile& file) : file_(file), values_(file.tensor_count()) {}
  /// Throws Error(unsupported) or Error(corrupt_file) naming the operator.
  onnx::ModelProto translate();
  /// Names of ONNX that stand for tensors of the file, codes as the floats that they were before.
  const std::vector<std::pair<std::string, int>>& results() const { return results_; }

  /// The tensor of an input or output of the operator; behind a DEQUANTIZE of constants the constant.
  const Tensor& input(std::size_t i) const;
  const Tensor& output(std::size_t i = 0) const;
  bool has_input(std::size_t i) const;
  bool is_constant(std::size_t i) const { return input(i).is_constant; }
  std::size_t input_count() const { return op_->inputs.size(); }
  /// Whether a computed input lies as an image.
  bool is_image(std::size_t i) const;
  /// Of elements of a constant.
  Integers integers(std::size_t i) const;

  /// The name of input i as floats in that order.
  std::string read(std::size_t i, Order order);
  /// Input i, a constant of as many dimensions, with its axes in another order.
  std::string read_permuted(std::size_t i, const Integers& perm);
  /// A bias of 32 bits, whose unit is the product of the scales of inputs 0 and `weights`, or of floats.
  std::string read_bias(std::size_t i, std::size_t weights);
  /// The order in which all inputs can be read with the fewest exchanges.
  Order common_order() const;

  std::string emit(std::string_view type, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {});
  std::string integers_of(const Integers& values);
  std::string number(float value);
  std::string activated(std::string result, schema::Activation activation);
  /// The result of the operator; becomes codes where the file has such.
  void give(std::size_t i, Order order, const std::string& result);
  /// The output is that constant.
  void give_constant(std::size_t i, int constant) { values_[index(op_->outputs.at(i))].constant = constant; }
  int input_number(std::size_t i) const { return resolved(op_->inputs.at(i)); }

  template <class T>
  const T& options() const {
    const void* raw =
        op_->raw->options_type() == schema::OptionsTraits<T>::enum_value ? op_->raw->options() : nullptr;
    if (!raw) reject("has no options, or those of another operator");
    return *static_cast<const T*>(raw);
  }
  /// Without them all are as if left out.
  template <class T>
  const T* optional_options() const {
    return op_->raw->options_type() == schema::OptionsTraits<T>::enum_value
               ? static_cast<const T*>(op_->raw->options())
               : nullptr;
  }
  const Operator& op() const { return *op_; }
  [[noreturn]] void refuse(const std::string& what) const;
  [[noreturn]] void reject(const std::string& what) const;

 private:
  struct Value {
    std::string as_file, as_image;  ///< names of floats, where they are there
    int constant = -1;              ///< a tensor of the file that this one equals
  };
  void refuse_unknown_operators() const;
  static std::size_t index(int tensor) { return static_cast<std::size_t>(tensor); }
  int resolved(int tensor) const;
  void add_input(int tensor);
  void add_output(int tensor);
  std::string unique(const std::string& hint);
  std::string read_tensor(int tensor, Order order);
  std::string constant(const Tensor& tensor, const Integers& perm, const Integers& dims);
  std::string initializer(std::int32_t type, const Integers& dims, std::string raw);
  std::string floats(std::span<const float> values, const Integers& dims);
  std::string zero_points(const Tensor& tensor);
  std::string with_codes(const Tensor& tensor, const std::string& floats);

  const TfliteFile& file_;
  std::vector<Value> values_;
  std::unordered_set<std::string> names_;
  onnx::ModelProto model_;
  std::vector<std::pair<std::string, int>> results_;
  const Operator* op_ = nullptr;
  std::string op_name_;
  int op_number_ = 0;
};

}  // namespace lowbit::tflite
