// SPDX-License-Identifier: Apache-2.0
// Functions of each element by itself: the loops over arrays.
#pragma once

#include <string>

#include "arrays/arithmetic.h"
#include "arrays/call.h"

namespace lowbit::arrays {

/// out = f(x) for floats alone.
template <class F>
Prepared of_floats(const Call& call, F f) {
  if (!is_float(call.element(0)))
    call.reject("needs floats, not " + std::string(element_name(call.element(0))));
  return {{call.type(0)}, [f](const Run& run) {
            const float* in = run.in[0].floats;
            float* out = run.out[0].floats;
            const std::int64_t size = run.out[0].size();
            for (std::int64_t i = 0; i < size; ++i) out[i] = f(in[i]);
          }};
}

/// out = f(x) for T of with_arithmetic.
template <class F>
Prepared of_numbers(const Call& call, F f) {
  if (call.element(0) == ElementType::boolean) call.reject("needs numbers, not bool");
  return {{call.type(0)}, [f](const Run& run) {
            with_arithmetic(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              const T* in = elements<T>(run.in[0]);
              T* out = elements<T>(run.out[0]);
              const std::int64_t size = run.out[0].size();
              for (std::int64_t i = 0; i < size; ++i) out[i] = f(in[i]);
            });
            wrap_all(run.out[0]);
          }};
}

template <class F>
Prepared of_all_numbers(const Call& call) {
  return of_numbers(call, F{});
}

}  // namespace lowbit::arrays
