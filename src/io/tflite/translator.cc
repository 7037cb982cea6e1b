// SPDX-License-Identifier: Apache-2.0
#include "io/tflite/translator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "io/tflite/write_ops.h"
#include "lowbit/core/error.h"
#include "lowbit/core/half.h"

namespace lowbit::tflite {
namespace {

const Integers kToImage{0, 3, 1, 2}, kToFile{0, 2, 3, 1};

Integers identity(std::int64_t rank) {
  Integers perm(static_cast<std::size_t>(rank));
  for (std::size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<std::int64_t>(i);
  return perm;
}

Integers permuted(const Integers& dims, const Integers& perm) {
  Integers result;
  for (const std::int64_t axis : perm) result.push_back(dims[static_cast<std::size_t>(axis)]);
  return result;
}

/// Elements of `size` bytes with the axes in another order.
std::string permuted(std::span<const std::uint8_t> data, std::int64_t size, const Integers& dims,
                     const Integers& perm) {
  if (std::ranges::is_sorted(perm)) return {data.begin(), data.end()};
  Integers strides(dims.size(), size);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  const Integers to = permuted(dims, perm), step = permuted(strides, perm);
  std::string result;
  result.reserve(data.size());
  Integers at(to.size(), 0);
  std::int64_t offset = 0;
  while (result.size() < data.size()) {
    result.append(reinterpret_cast<const char*>(data.data()) + offset, static_cast<std::size_t>(size));
    for (std::size_t i = to.size(); i-- > 0;) {
      offset += step[i];
      if (++at[i] < to[i]) break;
      offset -= step[i] * to[i];
      at[i] = 0;
    }
  }
  return result;
}

template <class T>
std::string raw_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

void Translator::refuse(const std::string& what) const {
  throw Error(ErrorCode::unsupported,
              fmt::format("{}: operator {} ({}) {}", file_.name(), op_number_, op_->name, what));
}

void Translator::reject(const std::string& what) const {
  throw Error(ErrorCode::corrupt_file,
              fmt::format("{}: operator {} ({}) {}", file_.name(), op_number_, op_->name, what));
}

int Translator::resolved(int tensor) const {
  const int same = tensor < 0 ? -1 : values_[index(tensor)].constant;
  return same < 0 ? tensor : same;
}

bool Translator::has_input(std::size_t i) const {
  return i < op_->inputs.size() && op_->inputs[i] >= 0;
}

const Tensor& Translator::input(std::size_t i) const {
  if (!has_input(i)) reject(fmt::format("has no input {}", i));
  return file_.tensor(resolved(op_->inputs[i]));
}

const Tensor& Translator::output(std::size_t i) const {
  if (i >= op_->outputs.size()) reject(fmt::format("has no output {}", i));
  return file_.tensor(op_->outputs[i]);
}

bool Translator::is_image(std::size_t i) const {
  return !is_constant(i) && !values_[index(op_->inputs[i])].as_image.empty();
}

Integers Translator::integers(std::size_t i) const {
  const Tensor& tensor = input(i);
  if (!tensor.is_constant) refuse(fmt::format("computes '{}', which must be a constant", tensor.name));
  if (tensor.type != TensorType::INT32 && tensor.type != TensorType::INT64)
    reject(fmt::format("has '{}' where integers are expected", tensor.name));
  Integers result(static_cast<std::size_t>(tensor.elements()));
  for (std::size_t e = 0; e < result.size(); ++e) {
    if (tensor.type == TensorType::INT64) {
      std::memcpy(&result[e], tensor.data.data() + 8 * e, 8);
    } else {
      std::int32_t value = 0;
      std::memcpy(&value, tensor.data.data() + 4 * e, 4);
      result[e] = value;
    }
  }
  return result;
}

std::string Translator::unique(const std::string& hint) {
  std::string name = hint;
  for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", hint, i);
  return name;
}

std::string Translator::emit(std::string_view type, const std::vector<std::string>& inputs,
                             const std::vector<Attribute>& attributes) {
  onnx::NodeProto& node = *model_.mutable_graph()->add_node();
  node.set_op_type(std::string(type));
  std::string name = unique(fmt::format("{}/{}", op_name_, type));
  node.set_name(name);
  for (const std::string& input : inputs) node.add_input(input);
  for (const auto& [key, value] : attributes) {
    onnx::AttributeProto& a = *node.add_attribute();
    a.set_name(key);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      a.set_type(onnx::AttributeProto::INT), a.set_i(*integer);
    } else if (const auto* real = std::get_if<float>(&value)) {
      a.set_type(onnx::AttributeProto::FLOAT), a.set_f(*real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      a.set_type(onnx::AttributeProto::STRING), a.set_s(*text);
    } else {
      a.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t i : std::get<Integers>(value)) a.add_ints(i);
    }
  }
  node.add_output(name);
  return name;
}

std::string Translator::initializer(std::int32_t type, const Integers& dims, std::string raw) {
  onnx::TensorProto& tensor = *model_.mutable_graph()->add_initializer();
  tensor.set_name(unique(op_name_ + "/constant"));
  tensor.set_data_type(type);
  for (const std::int64_t d : dims) tensor.add_dims(d);
  tensor.set_raw_data(std::move(raw));
  return tensor.name();
}

std::string Translator::floats(std::span<const float> values, const Integers& dims) {
  return initializer(onnx::TensorProto::FLOAT, dims, raw_of(values));
}

std::string Translator::integers_of(const Integers& values) {
  return initializer(onnx::TensorProto::INT64, {static_cast<std::int64_t>(values.size())},
                     raw_of(std::span<const std::int64_t>(values)));
}

std::string Translator::number(float value) {
  return floats({&value, 1}, {});
}

std::string Translator::zero_points(const Tensor& tensor) {
  std::string raw;
  for (const std::int64_t zero : tensor.zero_points) raw.push_back(static_cast<char>(zero));
  const Integers dims =
      raw.size() == 1 ? Integers{} : Integers{static_cast<std::int64_t>(tensor.zero_points.size())};
  return initializer(tensor.type == TensorType::INT8 ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8,
                     dims, std::move(raw));
}

/// A constant as floats; of codes behind a DequantizeLinear. `dims` are those after the axes were exchanged.
std::string Translator::constant(const Tensor& tensor, const Integers& perm, const Integers& dims) {
  std::string raw = permuted(tensor.data, element_bytes(tensor.type), tensor.dims, perm);
  if (tensor.type == TensorType::FLOAT32) return initializer(onnx::TensorProto::FLOAT, dims, std::move(raw));
  if (tensor.type == TensorType::FLOAT16) {
    std::vector<float> values(raw.size() / 2);
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, raw.data() + 2 * i, 2);
      values[i] = float16::decode(bits);
    }
    return floats(values, dims);
  }
  if (!tensor.is_coded())
    refuse(fmt::format("reads the constant '{}', which is neither floats nor codes of 8 bits with a scale",
                       tensor.name));
  const bool one = tensor.scales.size() == 1;
  std::vector<Attribute> attributes;
  // One dimension among four is that of channels.
  const std::int64_t place =
      dims.size() == perm.size() ? std::ranges::find(perm, tensor.axis) - perm.begin() : 1;
  if (!one) attributes.emplace_back("axis", place);
  const std::string codes =
      initializer(tensor.type == TensorType::INT8 ? onnx::TensorProto::INT8 : onnx::TensorProto::UINT8, dims,
                  std::move(raw));
  const std::string scales =
      floats(tensor.scales, one ? Integers{} : Integers{static_cast<std::int64_t>(tensor.scales.size())});
  return emit("DequantizeLinear", {codes, scales, zero_points(tensor)}, attributes);
}

std::string Translator::read_permuted(std::size_t i, const Integers& perm) {
  const Tensor& tensor = input(i);
  if (!tensor.is_constant) refuse(fmt::format("computes '{}', which must be a constant", tensor.name));
  if (tensor.dims.size() != perm.size())
    reject(fmt::format("has '{}' of {} dimensions where {} are expected", tensor.name, tensor.rank(),
                       perm.size()));
  return constant(tensor, perm, permuted(tensor.dims, perm));
}

std::string Translator::read_bias(std::size_t i, std::size_t weights) {
  const Tensor& bias = input(i);
  if (bias.type != TensorType::INT32) return read_permuted(i, identity(bias.rank()));
  if (!bias.is_constant || bias.rank() != 1)
    reject(fmt::format("has a bias '{}' that is no constant row", bias.name));
  std::vector<float> units = bias.scales;
  const Tensor &x = input(0), &w = input(weights);
  if (units.empty() && x.scales.size() == 1)
    for (const float scale : w.scales) units.push_back(x.scales[0] * scale);
  if (units.empty() || (units.size() != 1 && static_cast<std::int64_t>(units.size()) != bias.elements()))
    reject(fmt::format("has a bias '{}' of integers that stand for nothing", bias.name));
  const bool one = units.size() == 1;
  const std::string codes =
      initializer(onnx::TensorProto::INT32, bias.dims, {bias.data.begin(), bias.data.end()});
  std::vector<Attribute> attributes;
  if (!one) attributes.emplace_back("axis", std::int64_t{0});
  return emit("DequantizeLinear",
              {codes, floats(units, one ? Integers{} : Integers{static_cast<std::int64_t>(units.size())})},
              attributes);
}

std::string Translator::read_tensor(int number, Order order) {
  number = resolved(number);
  const Tensor& tensor = file_.tensor(number);
  if (tensor.is_constant) {
    if (order == Order::file) return constant(tensor, identity(tensor.rank()), tensor.dims);
    if (tensor.rank() > 4) reject(fmt::format("reads '{}' of {} dimensions", tensor.name, tensor.rank()));
    if (tensor.rank() < 2) {  // of channels, or one number
      const std::int64_t channels = tensor.elements();
      return constant(tensor, identity(tensor.rank()),
                      tensor.rank() == 0 ? Integers{} : Integers{1, channels, 1, 1});
    }
    Tensor whole = tensor;
    const std::int64_t missing = 4 - tensor.rank();
    whole.dims.insert(whole.dims.begin(), static_cast<std::size_t>(missing), 1);
    whole.axis += missing;
    return constant(whole, kToImage, permuted(whole.dims, kToImage));
  }
  Value& value = values_[index(number)];
  if (value.as_file.empty() && value.as_image.empty())
    reject(fmt::format("reads '{}', which nothing before it computes", tensor.name));
  std::string& name = order == Order::file ? value.as_file : value.as_image;
  if (name.empty()) {
    if (tensor.rank() != 4)
      reject(fmt::format("reads '{}' of {} dimensions as images", tensor.name, tensor.rank()));
    name = order == Order::file ? emit("Transpose", {value.as_image}, {{"perm", kToFile}})
                                : emit("Transpose", {value.as_file}, {{"perm", kToImage}});
  }
  return name;
}

std::string Translator::read(std::size_t i, Order order) {
  static_cast<void>(input(i));
  return read_tensor(op_->inputs[i], order);
}

Order Translator::common_order() const {
  bool some = false;
  for (std::size_t i = 0; i < op_->inputs.size(); ++i) {
    if (op_->inputs[i] < 0) continue;
    if (!is_constant(i) && input(i).rank() != 4) return Order::file;
    some = some || is_image(i);
  }
  return some && output().rank() == 4 ? Order::image : Order::file;
}

std::string Translator::activated(std::string result, schema::Activation activation) {
  switch (activation) {
    case schema::Activation::NONE:
      return result;
    case schema::Activation::RELU:
      return emit("Relu", {result});
    case schema::Activation::RELU6:
      return emit("Clip", {result, number(0.0f), number(6.0f)});
    case schema::Activation::RELU_N1_TO_1:
      return emit("Clip", {result, number(-1.0f), number(1.0f)});
    case schema::Activation::TANH:
      return emit("Tanh", {result});
    default:
      refuse(fmt::format("has the activation number {}", static_cast<int>(activation)));
  }
}

std::string Translator::with_codes(const Tensor& tensor, const std::string& result) {
  if (tensor.type == TensorType::FLOAT32) return result;
  if (!tensor.is_coded() || tensor.scales.size() != 1)
    refuse(
        fmt::format("gives '{}', which is neither floats nor codes of 8 bits with one scale", tensor.name));
  const std::string scale = floats(tensor.scales, {}), zero = zero_points(tensor);
  return emit("DequantizeLinear", {emit("QuantizeLinear", {result, scale, zero}), scale, zero});
}

void Translator::give(std::size_t i, Order order, const std::string& result) {
  const Tensor& tensor = output(i);
  Value& value = values_[index(op_->outputs[i])];
  if (!value.as_file.empty() || !value.as_image.empty() || tensor.is_constant)
    reject(fmt::format("gives '{}', which is there already", tensor.name));
  results_.emplace_back(result, op_->outputs[i]);
  (order == Order::image ? value.as_image : value.as_file) = with_codes(tensor, result);
}

void Translator::add_input(int number) {
  const Tensor& tensor = file_.tensor(number);
  const Operator input{0, "INPUT", {}, {number}, nullptr};
  op_ = &input, op_name_ = tensor.name;
  if (tensor.is_constant) reject("is a constant");
  const bool is_image = tensor.rank() == 4;
  names_.insert(tensor.name);
  onnx::ValueInfoProto& info = *model_.mutable_graph()->add_input();
  info.set_name(tensor.name);
  auto* type = info.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t d : is_image ? permuted(tensor.dims, kToImage) : tensor.dims)
    type->mutable_shape()->add_dim()->set_dim_value(d);
  give(0, is_image ? Order::image : Order::file, tensor.name);
  op_ = nullptr;
}

void Translator::add_output(int number) {
  const Tensor& tensor = file_.tensor(number);
  const Operator output{0, "OUTPUT", {number}, {}, nullptr};
  op_ = &output, op_name_ = tensor.name;
  const std::string result = read_tensor(number, tensor.rank() == 4 ? Order::image : Order::file);
  const std::string name = unique(tensor.name);
  onnx::NodeProto& node = *model_.mutable_graph()->add_node();
  node.set_op_type("Identity");
  node.set_name(name);
  node.add_input(result);
  node.add_output(name);
  onnx::ValueInfoProto& info = *model_.mutable_graph()->add_output();
  info.set_name(name);
  info.mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
  op_ = nullptr;
}

void Translator::refuse_unknown_operators() const {
  std::map<std::string, int> missing;
  for (const Operator& op : file_.operators())
    if (!find_writer(op.code)) ++missing[op.name];
  if (missing.empty()) return;
  std::string list;
  for (const auto& [name, count] : missing)
    list += fmt::format("{}{} ({}x)", list.empty() ? "" : ", ", name, count);
  throw Error(ErrorCode::unsupported,
              fmt::format("{} needs operators that lowbit does not have: {}", file_.name(), list));
}

onnx::ModelProto Translator::translate() {
  model_.set_ir_version(8);
  model_.add_opset_import()->set_version(17);
  refuse_unknown_operators();
  for (const int number : file_.inputs()) add_input(number);
  for (const Operator& op : file_.operators()) {
    op_ = &op;
    const std::string& name = file_.tensor(op.outputs[0]).name;
    op_name_ = name.substr(0, name.find(';'));
    find_writer(op.code)(*this);
    ++op_number_;
  }
  for (const int number : file_.outputs()) add_output(number);
  return std::move(model_);
}

}  // namespace lowbit::tflite
