// SPDX-License-Identifier: Apache-2.0
// Arithmetic of two and more inputs that are broadcast.
#include <cmath>

#include "arrays/arithmetic.h"
#include "arrays/line_functions.h"
#include "arrays/registry.h"
#include "core/elementary.h"

namespace lowbit::arrays {
namespace {

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return add(a, b);
  }
};

struct Subtract {
  template <class T>
  T operator()(T a, T b) const {
    return subtract(a, b);
  }
};

struct Multiply {
  template <class T>
  T operator()(T a, T b) const {
    return multiply(a, b);
  }
};

/// Integers towards zero; x / 0 is 0.
struct Divide {
  float operator()(float a, float b) const { return a / b; }
  std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const { return b == 0 ? 0 : a / b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    if (b == 0) return 0;
    return b == -1 ? subtract<std::int64_t>(0, a) : a / b;
  }
};

/// Remainders with the sign of a, as C has them; that of 0 is 0.
struct CRemainder {
  float operator()(float a, float b) const { return std::fmod(a, b); }
  std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const { return b == 0 ? 0 : a % b; }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const { return b == 0 || b == -1 ? 0 : a % b; }
};

/// Those with the sign of b, as Python has them.
struct FloorRemainder {
  float operator()(float a, float b) const {
    const float r = std::fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  }
  std::uint64_t operator()(std::uint64_t a, std::uint64_t b) const { return CRemainder{}(a, b); }
  std::int64_t operator()(std::int64_t a, std::int64_t b) const {
    const std::int64_t r = CRemainder{}(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  }
};

struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return larger(a, b);
  }
};

struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return smaller(a, b);
  }
};

/// b is a slope: the standard's PRelu.
struct Slope {
  template <class T>
  T operator()(T a, T b) const {
    return a < 0 ? multiply(a, b) : a;
  }
};

/// Shifts of unsigned integers; by more than the width, everything is gone.
struct ShiftLeft {
  template <class T>
  T operator()(T a, T b) const {
    const auto count = static_cast<std::uint64_t>(b);
    return count > 63 ? T{0} : static_cast<T>(static_cast<std::uint64_t>(a) << count);
  }
};

struct ShiftRight {
  template <class T>
  T operator()(T a, T b) const {
    const auto count = static_cast<std::uint64_t>(b);
    return count > 63 ? T{0} : static_cast<T>(static_cast<std::uint64_t>(a) >> count);
  }
};

/// Of two inputs of one type.
template <class F>
Prepared arithmetic(const Call& call) {
  if (call.element(0) != call.element(1)) call.reject("has inputs of different types");
  if (call.element(0) == ElementType::boolean) call.reject("has inputs of type bool");
  const BinaryWalk walk = make_binary_walk(call);
  return {{{call.element(0), walk.shape}}, [walk](const Run& run) {
            with_arithmetic(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for_each_pair(walk.lines, elements<T>(run.in[0]), elements<T>(run.in[1]),
                            elements<T>(run.out[0]), F{});
            });
            wrap_all(run.out[0]);
          }};
}

Prepared mod(const Call& call) {
  if (call.int_attribute("fmod", 0) != 0) return arithmetic<CRemainder>(call);
  if (is_float(call.element(0))) call.reject("of floats needs fmod = 1");
  return arithmetic<FloorRemainder>(call);
}

Prepared prelu(const Call& call) {
  Prepared prepared = arithmetic<Slope>(call);
  if (prepared.outputs[0].shape != call.shape(0)) call.reject("has slopes of more dimensions than its input");
  return prepared;
}

Prepared bit_shift(const Call& call) {
  const ElementType type = call.element(0);
  if (type < ElementType::u8 || type > ElementType::u64) call.reject("needs unsigned integers");
  const std::string direction = call.text_attribute("direction", "");
  if (direction == "LEFT") return arithmetic<ShiftLeft>(call);
  if (direction == "RIGHT") return arithmetic<ShiftRight>(call);
  call.reject("needs LEFT or RIGHT as its direction");
}

float power(float a, double b) {
  return a == 1 || b == 0 ? 1.0f : static_cast<float>(elementary::pow(a, b));
}

/// Modulo 2^64; 1 / x^n, which is 0 or a sign, for a negative exponent.
template <class T>
T power_of_integers(T a, std::uint64_t exponent, bool is_negative) {
  if (is_negative) {
    if (a == 1) return 1;
    return static_cast<T>(a + 1) == 0 && std::is_signed_v<T> ? (exponent % 2 != 0 ? a : T{1}) : T{0};
  }
  T result = 1;
  for (; exponent != 0; exponent >>= 1, a = multiply(a, a))
    if (exponent & 1u) result = multiply(result, a);
  return result;
}

struct Power {
  template <class A, class B>
  A operator()(A a, B b) const {
    if constexpr (std::is_same_v<A, float>) {
      return power(a, static_cast<double>(b));
    } else if constexpr (std::is_same_v<B, float>) {
      return truncate_to<A>(elementary::pow(static_cast<double>(a), b));
    } else {
      const auto bits = static_cast<std::uint64_t>(b);
      const bool is_negative = std::is_signed_v<B> && b < B{0};
      return power_of_integers(a, is_negative ? 0 - bits : bits, is_negative);
    }
  }
};

/// The base decides about the type; the exponent may be of any.
Prepared pow(const Call& call) {
  if (call.element(0) == ElementType::boolean || call.element(1) == ElementType::boolean)
    call.reject("has inputs of type bool");
  const BinaryWalk walk = make_binary_walk(call);
  return {{{call.element(0), walk.shape}}, [walk](const Run& run) {
            with_arithmetic(run.in[0].type.element, [&](auto base) {
              with_arithmetic(run.in[1].type.element, [&](auto exponent) {
                using A = decltype(base);
                using B = decltype(exponent);
                for_each_pair(walk.lines, elements<A>(run.in[0]), elements<B>(run.in[1]),
                              elements<A>(run.out[0]), Power{});
              });
            });
            wrap_all(run.out[0]);
          }};
}

/// One walk for each input after the first one; the result so far is the left operand of all of them.
std::vector<Broadcast<2>> variadic_walks(const Call& call, const Shape& shape) {
  std::vector<Broadcast<2>> walks;
  for (int i = 0; i < call.input_count(); ++i)
    walks.push_back(make_broadcast<2>(shape, {shape, call.shape(i)}));
  return walks;
}

struct Second {
  template <class T>
  T operator()(T, T b) const {
    return b;
  }
};

/// Of any number of inputs, from left to right.
template <class F, bool kMean = false>
Prepared variadic(const Call& call) {
  std::vector<Shape> shapes;
  for (int i = 0; i < call.input_count(); ++i) {
    if (call.element(i) != call.element(0)) call.reject("has inputs of different types");
    shapes.push_back(call.shape(i));
  }
  if (shapes.empty()) call.reject("has no inputs");
  if (call.element(0) == ElementType::boolean || (kMean && !is_float(call.element(0))))
    call.reject("has inputs of type " + std::string(element_name(call.element(0))));
  const Shape shape = broadcast_shape(call, shapes);
  return {{{call.element(0), shape}}, [walks = variadic_walks(call, shape)](const Run& run) {
            with_arithmetic(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              T* out = elements<T>(run.out[0]);
              for_each_pair(walks[0], out, elements<T>(run.in[0]), out, Second{});
              for (std::size_t i = 1; i < walks.size(); ++i)
                for_each_pair(walks[i], out, elements<T>(run.in[i]), out, F{});
            });
            if constexpr (kMean)
              for (std::int64_t i = 0; i < run.out[0].size(); ++i)
                run.out[0].floats[i] /= static_cast<float>(walks.size());
            wrap_all(run.out[0]);
          }};
}

constexpr Function kBinaryFunctions[] = {
    {"Add", arithmetic<Add>},
    {"BitShift", bit_shift},
    {"Div", arithmetic<Divide>},
    {"Max", variadic<Larger>},
    {"Mean", variadic<Add, true>},
    {"Min", variadic<Smaller>},
    {"Mod", mod},
    {"Mul", arithmetic<Multiply>},
    {"PRelu", prelu},
    {"Pow", pow},
    {"Sub", arithmetic<Subtract>},
    {"Sum", variadic<Add>},
};

}  // namespace

std::span<const Function> binary_functions() {
  return kBinaryFunctions;
}

}  // namespace lowbit::arrays
