// SPDX-License-Identifier: Apache-2.0
// NumPy arrays as views of the library: the same memory, with any strides. An array that has no such view (of
// another type, byte order or alignment) is refused, never copied.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lowbit/core/array.h"
#include "lowbit/core/view.h"

namespace lowbit::python {

namespace py = pybind11;

/// Of exactly this type. Arguments of this type are declared with py::arg().noconvert().
using Floats = py::array_t<float, 0>;

inline Shape shape_of(const py::array& a) {
  return Shape(std::vector<std::int64_t>(a.shape(), a.shape() + a.ndim()));
}

/// Strides in elements. Throws TypeError for an array whose elements are not aligned.
inline std::ptrdiff_t stride_of(const py::array& a, int axis) {
  if (a.strides(axis) % a.itemsize() != 0 || reinterpret_cast<std::uintptr_t>(a.data()) % 4 != 0)
    throw py::type_error("the elements of an array are not aligned: numpy.ascontiguousarray copies them");
  return a.strides(axis) / a.itemsize();
}

template <class View, class T>
View tensor_of(T* data, const py::array& a) {
  const Shape shape = shape_of(a);
  View view(data, shape);
  for (int i = 0; i < shape.rank(); ++i) view.strides[static_cast<std::size_t>(i)] = stride_of(a, i);
  return view;
}
inline TensorView view_of(const Floats& a) {
  return tensor_of<TensorView>(a.data(), a);
}
/// Throws ValueError for an array that is not writeable.
inline MutableTensorView mutable_view_of(Floats& a) {
  return tensor_of<MutableTensorView>(a.mutable_data(), a);
}

/// Throws TypeError for an array that is no matrix; `what` begins the sentence.
inline void require_matrix(const py::array& a, const char* what) {
  if (a.ndim() != 2)
    throw py::type_error(std::string(what) + " is an array of two dimensions, not " +
                         std::to_string(a.ndim()));
}
inline MatrixView matrix_of(const Floats& a, const char* what) {
  require_matrix(a, what);
  return {a.data(), a.shape(0), a.shape(1), stride_of(a, 0), stride_of(a, 1)};
}
inline MutableMatrixView mutable_matrix_of(Floats& a, const char* what) {
  require_matrix(a, what);
  return {a.mutable_data(), a.shape(0), a.shape(1), stride_of(a, 0), stride_of(a, 1)};
}

/// A vector as an array that is only read and keeps `owner` alive.
template <class T>
py::array elements_of(const std::vector<T>& values, std::vector<py::ssize_t> shape, const py::object& owner) {
  py::array_t<T> a(std::move(shape), values.data(), owner);
  a.attr("flags").attr("writeable") = false;
  return a;
}

void bind_matrices(py::module_& m);
void bind_models(py::module_& m);

}  // namespace lowbit::python
