// SPDX-License-Identifier: Apache-2.0
#include "random_network.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support/random.h"

namespace lowbit::fuzz {
namespace {

class Maker {
 public:
  explicit Maker(std::span<const std::byte> choices) : choices_(choices), random_(choices.size()) {}

  Graph make() {
    const ValueId x = graph_.add_value("x", Shape{choose(1, 6), choose(1, 9), choose(1, 9)});
    graph_.inputs = {x};
    maps_ = {x};
    const std::int64_t layers = choose(1, 8);
    for (std::int64_t i = 0; i < layers; ++i) add_layer();
    ValueId y = maps_.back();
    if (choose(0, 1)) y = add(ops::GlobalAveragePoolOp{}, {y});
    y = add(ops::FlattenOp{}, {y});
    const std::int64_t products = choose(0, 2);
    for (std::int64_t i = 0; i < products; ++i) y = add_linear(y);
    if (choose(0, 1)) y = add(ops::SoftmaxOp{}, {y});
    graph_.outputs = {y};
    return std::move(graph_);
  }

 private:
  std::int64_t choose(std::int64_t low, std::int64_t high) {
    const std::uint8_t byte = next_ < choices_.size() ? std::to_integer<std::uint8_t>(choices_[next_++]) : 0;
    return low + byte % (high - low + 1);
  }
  ValueId add(ops::Op op, std::vector<ValueId> inputs) {
    return graph_.add_node("n" + std::to_string(graph_.nodes.size()), std::move(op), std::move(inputs));
  }
  const Shape& shape(ValueId id) const { return graph_.values[static_cast<std::size_t>(id)].shape; }
  std::vector<float> floats(std::int64_t count, float scale) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = scale * random_.uniform();
    return values;
  }
  ops::Activation activation() {
    switch (choose(0, 2)) {
      case 0:
        return {};
      case 1:
        return {0.0f, std::numeric_limits<float>::infinity()};
      default:
        return {0.0f, 1.0f};
    }
  }

  ops::Window window(const Shape& map) {
    ops::Window w;
    for (int axis : {0, 1}) {
      const auto a = static_cast<std::size_t>(axis);
      const std::int64_t size = map[axis + 1];
      w.kernel[a] = choose(1, std::min<std::int64_t>(size, 4));
      w.stride[a] = choose(1, 3);
      if ((w.kernel[a] - 1) * 2 < size) w.dilation[a] = choose(1, 2);
      w.pad[a] = choose(0, w.kernel[a] - 1);
      w.pad[a + 2] = choose(0, w.kernel[a] - 1);
    }
    return w;
  }

  void add_layer() {
    const ValueId x = maps_[static_cast<std::size_t>(choose(0, static_cast<std::int64_t>(maps_.size()) - 1))];
    const Shape map = shape(x);
    switch (choose(0, 6)) {
      case 0:
        return maps_.push_back(add_convolution(x, 1));
      case 1:
        return maps_.push_back(add_convolution(x, map[0]));
      case 2:
        return maps_.push_back(add(ops::MaxPoolOp{window(map)}, {x}));
      case 3:
        return maps_.push_back(add(ops::AveragePoolOp{window(map), false, choose(0, 1) != 0}, {x}));
      case 4:
        return maps_.push_back(
            add(ops::ScaleShiftOp{floats(map[0], 1.0f), floats(map[0], 0.5f), activation()}, {x}));
      case 5:
        return add_branch(x);
      default:
        return maps_.push_back(add_function(x));
    }
  }
  ValueId add_function(ValueId x) {
    constexpr ops::Function kAll[] = {ops::Function::sigmoid, ops::Function::tanh, ops::Function::hard_swish,
                                      ops::Function::gelu};
    ops::FunctionOp op;
    op.function = kAll[choose(0, 3)];
    return add(op, {x});
  }
  /// A value of the same shape is added, or put behind it.
  void add_branch(ValueId x) {
    for (const ValueId other : maps_)
      if (other != x && shape(other) == shape(x))
        return maps_.push_back(choose(0, 1) ? add(ops::AddOp{activation()}, {x, other})
                                            : add(ops::ConcatOp{0}, {x, other}));
    maps_.push_back(add(ops::ClampOp{{-0.5f, 0.5f}}, {x}));
  }
  ValueId add_convolution(ValueId x, std::int64_t groups) {
    const Shape map = shape(x);
    const std::int64_t out = groups * choose(1, groups == 1 ? 9 : 2);
    ops::Conv2dOp conv;
    conv.window = window(map);
    conv.groups = groups;
    const Shape weight{out, map[0] / groups, conv.window.kernel[0], conv.window.kernel[1]};
    conv.weight = Tensor(weight, floats(weight.elements(), 1.0f));
    if (choose(0, 1)) conv.bias = floats(out, 0.5f);
    conv.activation = activation();
    return add(std::move(conv), {x});
  }
  ValueId add_linear(ValueId x) {
    const std::int64_t in = shape(x)[0], out = choose(1, 20);
    ops::LinearOp linear;
    linear.weight = Tensor(Shape{out, in}, floats(out * in, 1.0f));
    if (choose(0, 1)) linear.bias = floats(out, 0.5f);
    linear.activation = activation();
    return add(std::move(linear), {x});
  }

  std::span<const std::byte> choices_;
  std::size_t next_ = 0;
  testing::Random random_;
  Graph graph_;
  std::vector<ValueId> maps_;
};

}  // namespace

Graph random_network(std::span<const std::byte> choices) {
  return Maker(choices).make();
}

}  // namespace lowbit::fuzz
