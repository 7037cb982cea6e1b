// SPDX-License-Identifier: Apache-2.0
// Comparisons, and logic of booleans and of bits, of two inputs that are broadcast.
#include <functional>

#include "arrays/arithmetic.h"
#include "arrays/line_functions.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

/// Inputs of one type, a result of booleans.
template <class F>
Prepared comparison(const Call& call) {
  if (call.element(0) != call.element(1)) call.reject("has inputs of different types");
  const BinaryWalk walk = make_binary_walk(call);
  return {{{ElementType::boolean, walk.shape}}, [walk](const Run& run) {
            with_arithmetic(run.in[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              for_each_pair(walk.lines, elements<T>(run.in[0]), elements<T>(run.in[1]), run.out[0].integers,
                            [](T a, T b) { return std::int64_t{F{}(a, b)}; });
            });
          }};
}

/// Bits of integers, or booleans, which are one bit.
template <class F, bool kBooleans>
Prepared of_bits(const Call& call) {
  if (call.element(0) != call.element(1)) call.reject("has inputs of different types");
  if (is_float(call.element(0)) || (call.element(0) == ElementType::boolean) != kBooleans)
    call.reject(kBooleans ? "needs booleans" : "needs integers");
  const BinaryWalk walk = make_binary_walk(call);
  return {{{call.element(0), walk.shape}}, [walk](const Run& run) {
            for_each_pair(walk.lines, run.in[0].integers, run.in[1].integers, run.out[0].integers, F{});
          }};
}

using BitAnd = std::bit_and<std::int64_t>;
using BitOr = std::bit_or<std::int64_t>;
using BitXor = std::bit_xor<std::int64_t>;

constexpr Function kLogicFunctions[] = {
    {"And", of_bits<BitAnd, true>},
    {"BitwiseAnd", of_bits<BitAnd, false>},
    {"BitwiseOr", of_bits<BitOr, false>},
    {"BitwiseXor", of_bits<BitXor, false>},
    {"Equal", comparison<std::equal_to<>>},
    {"Greater", comparison<std::greater<>>},
    {"GreaterOrEqual", comparison<std::greater_equal<>>},
    {"Less", comparison<std::less<>>},
    {"LessOrEqual", comparison<std::less_equal<>>},
    {"Or", of_bits<BitOr, true>},
    {"Xor", of_bits<BitXor, true>},
};

}  // namespace

std::span<const Function> logic_functions() {
  return kLogicFunctions;
}

}  // namespace lowbit::arrays
