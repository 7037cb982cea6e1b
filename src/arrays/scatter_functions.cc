// SPDX-License-Identifier: Apache-2.0
// Operators that write elements to places that an input names.
#include <algorithm>

#include "arrays/arithmetic.h"
#include "arrays/indices.h"
#include "arrays/registry.h"

namespace lowbit::arrays {
namespace {

enum class ScatterReduction { none, add, mul, max, min };

ScatterReduction read_reduction(const Call& call) {
  const std::string name = call.text_attribute("reduction", "none");
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) return static_cast<ScatterReduction>(i);
  call.reject("has the unknown reduction '" + name + "'");
}

/// Calls body(f) with f(old, update), which gives the new element.
template <class T, class Body>
void with_reduction(ScatterReduction reduction, Body&& body) {
  switch (reduction) {
    case ScatterReduction::none:
      return body([](T, T update) { return update; });
    case ScatterReduction::add:
      return body([](T old, T update) { return add(old, update); });
    case ScatterReduction::mul:
      return body([](T old, T update) { return multiply(old, update); });
    case ScatterReduction::max:
      return body([](T old, T update) { return larger(old, update); });
    case ScatterReduction::min:
      return body([](T old, T update) { return smaller(old, update); });
  }
}

template <class T>
void copy_input(const Run& run) {
  std::copy_n(elements<T>(run.in[0]), run.out[0].size(), elements<T>(run.out[0]));
}

void check_updates(const Call& call) {
  if (call.element(2) != call.element(0)) call.reject("has updates of another type");
}

Prepared scatter_elements(const Call& call) {
  const Shape& array = call.shape(0);
  const int axis = call.axis(call.int_attribute("axis", 0), array.rank());
  check_updates(call);
  check_indices(call, 1, array[axis]);
  check_fits_beside(call, call.shape(1), axis);
  if (call.shape(2) != call.shape(1)) call.reject("has updates of another shape than its indices");
  const ScatterReduction reduction = read_reduction(call);
  return {{call.type(0)}, [walk = make_element_walk(array, call.shape(1), axis), reduction](const Run& run) {
            with_arithmetic(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              copy_input<T>(run);
              T* out = elements<T>(run.out[0]);
              const T* updates = elements<T>(run.in[2]);
              with_reduction<T>(reduction, [&](auto f) {
                for_each_element(walk, run.in[1].integers,
                                 [&](std::int64_t i, std::int64_t at) { out[at] = f(out[at], updates[i]); });
              });
            });
            wrap_all(run.out[0]);
          }};
}

Prepared scatter_nd(const Call& call) {
  const Shape& indices = call.shape(1);
  const SliceWalk walk = make_slice_walk(call, 0);
  check_updates(call);
  std::vector<std::int64_t> dims(indices.dims().begin(), indices.dims().end() - 1);
  const auto rest = call.shape(0).dims().subspan(static_cast<std::size_t>(walk.depth));
  dims.insert(dims.end(), rest.begin(), rest.end());
  if (call.shape(2) != call.make_shape(dims))
    call.reject("has updates of a shape that its indices do not give");
  return {{call.type(0)}, [walk, reduction = read_reduction(call)](const Run& run) {
            with_arithmetic(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              copy_input<T>(run);
              with_reduction<T>(reduction, [&](auto f) {
                for_each_slice(walk, run.in[1].integers, [&](std::int64_t i, std::int64_t at) {
                  T* out = elements<T>(run.out[0]) + at;
                  const T* updates = elements<T>(run.in[2]) + i * walk.slice;
                  for (std::int64_t k = 0; k < walk.slice; ++k) out[k] = f(out[k], updates[k]);
                });
              });
            });
            wrap_all(run.out[0]);
          }};
}

/// A cache (input 0) with new positions (input 1) along `axis`, from where input 2 says for each batch.
Prepared tensor_scatter(const Call& call) {
  const Shape& cache = call.shape(0);
  const Shape& update = call.shape(1);
  const int axis = call.axis(call.int_attribute("axis", -2), cache.rank());
  bool fits = axis > 0 && update.rank() == cache.rank() && call.element(0) == call.element(1);
  for (int i = 0; fits && i < cache.rank(); ++i)
    fits = i == axis ? update[i] <= cache[i] : update[i] == cache[i];
  if (!fits) call.reject("has an update that does not fit its cache");
  if (call.has(2) && (is_float(call.element(2)) || call.shape(2) != Shape{cache[0]}))
    call.reject("needs one index for each batch");
  const std::string mode = call.text_attribute("mode", "linear");
  const bool is_circular = mode == "circular";
  if (!is_circular && mode != "linear") call.reject("has the unknown mode '" + mode + "'");
  const std::int64_t size = cache[axis], count = update[axis], blocks = product(cache, 1, axis);
  const std::int64_t inner = product(cache, axis + 1, cache.rank());
  return {{call.type(0)}, [=, batches = cache[0]](const Run& run) {
            const bool has_starts = run.in.size() > 2 && run.in[2].is_present();
            with_storage(run.out[0].type.element, [&](auto zero) {
              using T = decltype(zero);
              copy_input<T>(run);
              const T* from = run.in[1].data<T>();
              for (std::int64_t block = 0; block < batches * blocks; ++block) {
                const std::int64_t given = has_starts ? run.in[2].integers[block / blocks] : 0;
                const std::int64_t most = is_circular ? size - 1 : size - count;
                const std::int64_t start = count == 0 ? 0 : std::clamp<std::int64_t>(given, 0, most);
                for (std::int64_t t = 0; t < count; ++t, from += inner)
                  std::copy_n(from, inner,
                              run.out[0].data<T>() + (block * size + (start + t) % size) * inner);
              }
            });
          }};
}

constexpr Function kScatterFunctions[] = {
    {"Scatter", scatter_elements},
    {"ScatterElements", scatter_elements},
    {"ScatterND", scatter_nd},
    {"TensorScatter", tensor_scatter},
};

}  // namespace

std::span<const Function> scatter_functions() {
  return kScatterFunctions;
}

}  // namespace lowbit::arrays
