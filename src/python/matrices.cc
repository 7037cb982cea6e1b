// SPDX-License-Identifier: Apache-2.0
// Weights and layers for Python: quantize, dequantize, QuantizedMatrix, Linear.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <variant>

#include "lowbit/layers/linear.h"
#include "lowbit/quant/make_quantizer.h"
#include "lowbit/quant/quantized_matrix.h"
#include "python/arrays.h"

namespace lowbit::python {
namespace {

QuantizedMatrix quantize_weights(const Floats& weights, const std::string& scheme,
                                 const std::optional<Floats>& importance) {
  const MatrixView w = matrix_of(weights, "weights");
  const MatrixView i = importance ? matrix_of(*importance, "importance") : MatrixView();
  const py::gil_scoped_release unlocked;
  return quantize(w, Scheme(scheme), i);
}

/// `out`, or a new array of this shape.
Floats output(std::optional<Floats>& out, std::int64_t rows, std::int64_t cols) {
  return out ? *out : Floats({rows, cols});
}

Floats dequantize_weights(const QuantizedMatrix& q, std::optional<Floats> out) {
  Floats values = output(out, q.rows, q.cols);
  const MutableMatrixView view = mutable_matrix_of(values, "out");
  const py::gil_scoped_release unlocked;
  dequantize(q, view);
  return values;
}

/// "dynamic", "weight-only", or the scale and zero point of unsigned 8-bit codes.
using Activations = std::variant<std::string, std::pair<float, std::int32_t>>;

ActivationQuantization activations_of(const Activations& a) {
  if (const auto* q = std::get_if<1>(&a)) return static_activations({q->first, q->second});
  const std::string& name = std::get<std::string>(a);
  if (name == "dynamic") return dynamic_activations(8);
  if (name == "weight-only") return weight_only();
  throw py::value_error("activations: \"dynamic\", \"weight-only\" or (scale, zero_point), not \"" + name +
                        "\"");
}

Linear make_linear(const QuantizedMatrix& q, const std::optional<Floats>& bias,
                   const Activations& activations, int threads) {
  LinearOptions options{.activations = activations_of(activations)};
  if (bias) {
    if (bias->ndim() != 1) throw py::type_error("bias is an array of one dimension");
    std::vector<float> values(static_cast<std::size_t>(bias->shape(0)));
    for (py::ssize_t i = 0; i < bias->shape(0); ++i) values[static_cast<std::size_t>(i)] = bias->at(i);
    options.bias = values;
  }
  if (threads > 1) options.executor = make_thread_pool(threads);
  return Linear(q, options);
}

Floats forward(const Linear& fc, const Floats& x, std::optional<Floats> out) {
  require_matrix(x, "x");
  Floats y = output(out, x.shape(0), fc.out_features());
  const TensorView in = view_of(x);
  const MutableTensorView result = mutable_view_of(y);
  const py::gil_scoped_release unlocked;
  fc.forward(in, result);
  return y;
}

void bind_quantized_matrix(py::module_& m) {
  py::class_<QuantizedMatrix>(m, "QuantizedMatrix",
                              "Weights as codes with scales; what dequantize() gives is what kernels "
                              "compute with.")
      .def_readonly("rows", &QuantizedMatrix::rows)
      .def_readonly("cols", &QuantizedMatrix::cols)
      .def_readonly("bits", &QuantizedMatrix::bits)
      .def_property_readonly("shape", [](const QuantizedMatrix& q) { return std::pair(q.rows, q.cols); })
      .def_property_readonly("bits_per_weight", &QuantizedMatrix::bits_per_weight)
      .def_property_readonly("stored_bytes", &QuantizedMatrix::stored_bytes)
      .def_property_readonly(
          "codes",
          [](const py::object& self) {
            const auto& q = self.cast<const QuantizedMatrix&>();
            return elements_of(
                q.codes,
                {static_cast<py::ssize_t>(q.rows * q.planes()), static_cast<py::ssize_t>(q.row_bytes())},
                self);
          },
          "The codes as they are stored, a row of bytes for each row.")
      .def_property_readonly(
          "scales",
          [](const py::object& self) {
            const auto& q = self.cast<const QuantizedMatrix&>();
            const auto rows = static_cast<py::ssize_t>(q.rows);
            return elements_of(q.scales, {rows, static_cast<py::ssize_t>(q.scales.size()) / rows}, self);
          },
          "rows x groups.")
      .def_property_readonly(
          "zero_points",
          [](const py::object& self) {
            const auto& q = self.cast<const QuantizedMatrix&>();
            return elements_of(q.zero_points, {static_cast<py::ssize_t>(q.zero_points.size())}, self);
          },
          "rows x groups in a row; empty: the middle code.")
      .def_property_readonly(
          "levels",
          [](const py::object& self) {
            const auto& q = self.cast<const QuantizedMatrix&>();
            return elements_of(q.levels, {static_cast<py::ssize_t>(q.levels.size())}, self);
          },
          "The table of a codebook, else empty.")
      .def("dequantize", &dequantize_weights, py::arg("out").noconvert() = py::none());
}

}  // namespace

void bind_matrices(py::module_& m) {
  bind_quantized_matrix(m);
  m.def("quantize", &quantize_weights, py::arg("weights").noconvert(), py::arg("scheme") = "int8",
        py::arg("importance").noconvert() = py::none(),
        "Quantizes float32 weights, outputs x inputs, by a scheme: quantize(w, \"int4-g32\"). Importance of "
        "the same shape "
        "weighs the errors.");
  m.def("dequantize", &dequantize_weights, py::arg("matrix"), py::arg("out").noconvert() = py::none(),
        "The values that codes stand for, into `out` where it is given.");
  py::class_<Linear>(m, "Linear", "y = W x + b with quantized weights, packed for this machine.")
      .def(py::init(&make_linear), py::arg("weights"), py::arg("bias").noconvert() = py::none(),
           py::arg("activations") = "dynamic", py::arg("threads") = 1,
           "activations: \"dynamic\" (8 bits, per sample), \"weight-only\", or (scale, zero_point) of "
           "unsigned 8-bit codes.")
      .def_property_readonly("in_features", &Linear::in_features)
      .def_property_readonly("out_features", &Linear::out_features)
      .def_property_readonly("kernel", &Linear::kernel)
      .def("__call__", &forward, py::arg("x").noconvert(), py::arg("out").noconvert() = py::none(),
           "samples x inputs to samples x outputs.");
}

}  // namespace lowbit::python
