// SPDX-License-Identifier: Apache-2.0
// Models for Python: load, calibrate, quantize, run, compare.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "io/load_any_model.h"
#include "lowbit/core/error.h"
#include "lowbit/model/calibrate.h"
#include "lowbit/model/evaluate.h"
#include "lowbit/model/quantize.h"
#include "lowbit/model/serialize.h"
#include "python/arrays.h"

namespace lowbit::python {
namespace {

using Integers = py::array_t<std::int64_t, 0>;

/// An array for each input of a model, as calls of the library take them; keeps the arrays alive.
class Inputs {
 public:
  /// `given`: one array, or a list or tuple of one for each input.
  Inputs(const Model& model, const py::object& given)
      : sample_rank_(model.input_count() > 0 ? model.input_shape().rank() : 0) {
    if (py::isinstance<py::list>(given) || py::isinstance<py::tuple>(given))
      for (const py::handle a : given) arrays_.push_back(py::reinterpret_borrow<py::object>(a));
    else
      arrays_.push_back(given);
    if (arrays_.size() == 1 && py::isinstance<Floats>(arrays_[0])) {
      const auto a = py::reinterpret_borrow<Floats>(arrays_[0]);
      single_ = view_of(a);
      shapes_.push_back(single_->shape);
      return;
    }
    for (const py::object& a : arrays_) views_.push_back(dense(a));
    for (const arrays::ArrayView& v : views_) shapes_.push_back(v.type.shape);
  }
  /// Floats for a network of one input, with any strides.
  const std::optional<TensorView>& single() const { return single_; }
  std::span<const arrays::ArrayView> views() const { return views_; }
  std::span<const Shape> shapes() const { return shapes_; }
  /// Nothing where the arrays are samples, without a batch in front.
  std::optional<std::int64_t> batch() const {
    if (shapes_.empty() || shapes_[0].rank() <= sample_rank_) return {};
    return shapes_[0][0];
  }

 private:
  static arrays::ArrayView dense(const py::object& a) {
    arrays::ArrayView view;
    if (py::isinstance<Floats>(a)) {
      const auto floats = py::reinterpret_borrow<Floats>(a);
      view.type = {ElementType::f32, shape_of(floats)};
      view.floats = floats.data();
    } else if (py::isinstance<Integers>(a)) {
      const auto integers = py::reinterpret_borrow<Integers>(a);
      view.type = {ElementType::i64, shape_of(integers)};
      view.integers = integers.data();
    } else {
      throw py::type_error(
          "inputs of models are arrays of float32, or of int64 where the model has integers");
    }
    if ((py::reinterpret_borrow<py::array>(a).flags() & py::array::c_style) == 0)
      throw py::type_error(
          "with several inputs or integers, arrays are contiguous: numpy.ascontiguousarray copies them");
    return view;
  }

  int sample_rank_;
  std::vector<py::object> arrays_;
  std::optional<TensorView> single_;
  std::vector<arrays::ArrayView> views_;
  std::vector<Shape> shapes_;
};

/// Calls `add` with the arrays of each batch of an iterable; `add` runs without the interpreter's lock.
template <class Sink>
void feed(Sink& sink, const Model& model, const py::iterable& batches) {
  for (const py::handle batch : batches) {
    const Inputs in(model, py::reinterpret_borrow<py::object>(batch));
    const py::gil_scoped_release unlocked;
    if (in.single())
      sink.add(*in.single());
    else
      sink.add(in.views());
  }
}

CalibrationTable calibrate_model(const Model& fp32, const py::iterable& batches, const std::string& observer,
                                 int threads) {
  Calibrator calibrator(fp32,
                        {.observer = make_observer(observer), .threads = threads, .observer_name = observer});
  feed(calibrator, fp32, batches);
  return calibrator.finish();
}

ModelComparison compare_models(const Model& reference, const Model& other, const py::iterable& batches) {
  ModelComparer comparer(reference, other);
  feed(comparer, reference, batches);
  return comparer.result();
}

Model quantize_model(const Model& fp32, const CalibrationTable* table, const std::string& scheme,
                     const std::vector<std::pair<std::string, std::string>>& overrides, bool wide_sums,
                     int kv_cache_bits) {
  QuantizeOptions options{.scheme = scheme, .wide_sums = wide_sums, .kv_cache_bits = kv_cache_bits};
  for (const auto& [pattern, name] : overrides) options.overrides.emplace_back(pattern, name);
  const py::gil_scoped_release unlocked;
  return table ? quantize(fp32, *table, options) : quantize(fp32, options);
}

/// One array for a network of one output, else a list of them.
py::object run_model(const Model& model, const py::object& given, const py::object& out,
                     Workspace& workspace) {
  const Inputs in(model, given);
  std::vector<Floats> results;
  if (out.is_none()) {
    for (const Shape& s : model.output_shapes(in.shapes())) {
      std::vector<py::ssize_t> dims(s.dims().begin(), s.dims().end());
      if (in.batch()) dims.insert(dims.begin(), *in.batch());
      results.emplace_back(dims);
    }
  } else if (py::isinstance<py::list>(out) || py::isinstance<py::tuple>(out)) {
    for (const py::handle a : out) results.push_back(py::cast<Floats>(a));
  } else {
    results.push_back(py::cast<Floats>(out));
  }
  std::vector<MutableTensorView> views;
  for (Floats& r : results) views.push_back(mutable_view_of(r));
  {
    const py::gil_scoped_release unlocked;
    if (in.single())
      run(model, std::span(&*in.single(), 1), views, workspace);
    else
      run(model, in.views(), views, workspace);
  }
  if (results.size() == 1) return std::move(results[0]);
  return py::cast(results);
}

py::object run_once(const Model& model, const py::object& given, const py::object& out, int threads) {
  Workspace workspace(model, {.batch = Inputs(model, given).batch().value_or(1), .threads = threads});
  return run_model(model, given, out, workspace);
}

Model load_bytes(const py::bytes& bytes) {
  const std::string_view text = bytes;
  return load(std::as_bytes(std::span(text.data(), text.size())));
}

Model load_path(const std::string& path,
                const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& shapes,
                const std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>& open) {
  OnnxOptions options;
  for (const auto& [name, dims] : shapes) options.shapes.emplace_back(name, Shape(dims));
  for (const auto& [name, lowest, highest] : open) options.open.push_back({name, lowest, highest});
  return io::load_model(path, options);
}

py::tuple dimensions(const Shape& s) {
  return py::tuple(py::cast(std::vector<std::int64_t>(s.dims().begin(), s.dims().end())));
}

void bind_results(py::module_& m) {
  py::class_<CalibrationTable>(m, "CalibrationTable", "What calibrate() observed of each value of a model.")
      .def_readonly("samples", &CalibrationTable::samples)
      .def_readonly("observer", &CalibrationTable::observer)
      .def(
          "range",
          [](const CalibrationTable& t, const std::string& value) {
            for (const CalibrationEntry& e : t.entries)
              if (e.value == value) {
                const Range r = e.observer.range({0, 255});
                return std::pair(r.min, r.max);
              }
            throw py::key_error(value);
          },
          py::arg("value"), "The range chosen for unsigned 8-bit codes of a value: (min, max).")
      .def_property_readonly("values", [](const CalibrationTable& t) {
        std::vector<std::string> names;
        for (const CalibrationEntry& e : t.entries) names.push_back(e.value);
        return names;
      });

  py::class_<OutputComparison>(m, "OutputComparison")
      .def_readonly("name", &OutputComparison::name)
      .def_property_readonly("sqnr_db", [](const OutputComparison& o) { return o.error.sqnr_db; })
      .def_property_readonly("mse", [](const OutputComparison& o) { return o.error.mse; })
      .def_property_readonly("max", [](const OutputComparison& o) { return o.error.max; })
      .def_property_readonly("cosine", [](const OutputComparison& o) { return o.error.cosine; })
      .def_readonly("mean_cosine", &OutputComparison::mean_cosine);
  py::class_<ModelComparison>(m, "ModelComparison",
                              "Outputs of two models on the same samples; the first is the reference.")
      .def_readonly("outputs", &ModelComparison::outputs)
      .def_readonly("samples", &ModelComparison::samples)
      .def_readonly("agree", &ModelComparison::agree)
      .def_property_readonly("agreement", &ModelComparison::agreement)
      .def("__repr__", [](const ModelComparison& c) {
        std::string text = "<lowbit.ModelComparison: " + std::to_string(c.agree) + " of " +
                           std::to_string(c.samples) + " agree";
        for (const OutputComparison& o : c.outputs)
          text += ", " + o.name + " SQNR " + std::to_string(o.error.sqnr_db) + " dB";
        return text + ">";
      });
}

void bind_model(py::module_& m) {
  py::class_<Model>(m, "Model", "An immutable network, fp32 or quantized.")
      .def_property_readonly("scheme", [](const Model& x) { return x.scheme(); })
      .def_property_readonly("is_quantized", &Model::is_quantized)
      .def_property_readonly("stored_bytes", &Model::stored_bytes)
      .def_property_readonly("bits_per_weight", &Model::bits_per_weight)
      .def_property_readonly("coverage", &describe_coverage)
      .def_property_readonly("input_shapes",
                             [](const Model& x) {
                               py::list shapes;
                               for (std::size_t i = 0; i < x.input_count(); ++i)
                                 shapes.append(dimensions(x.input_shape(i)));
                               return shapes;
                             })
      .def_property_readonly("output_shapes",
                             [](const Model& x) {
                               py::list shapes;
                               for (std::size_t i = 0; i < x.output_count(); ++i)
                                 shapes.append(dimensions(x.output_shape(i)));
                               return shapes;
                             })
      .def(
          "save", [](const Model& x, const std::string& path) { save(x, path); }, py::arg("path"))
      .def("to_bytes",
           [](const Model& x) {
             const std::vector<std::byte> bytes = save_to_bytes(x);
             return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
           })
      .def("__call__", &run_once, py::arg("inputs"), py::arg("out") = py::none(), py::arg("threads") = 1,
           "Runs a batch with a workspace of its own: batch x the shape of a sample, float32 with any "
           "strides, or a list of "
           "contiguous arrays, int64 where the model has integers.");
  py::class_<Workspace>(m, "Workspace",
                        "The memory that running a model takes, and its threads; one per concurrent run.")
      .def(py::init([](const Model& x, std::int64_t batch, int threads) {
             return std::make_unique<Workspace>(x, WorkspaceOptions{.batch = batch, .threads = threads});
           }),
           py::arg("model"), py::arg("batch") = 1, py::arg("threads") = 1)
      .def_property_readonly("batch", &Workspace::batch)
      .def_property_readonly("bytes", &Workspace::bytes);
}

}  // namespace

void bind_models(py::module_& m) {
  bind_results(m);
  bind_model(m);
  m.def("load", &load_bytes, py::arg("bytes"), "A .lowbit model from memory.");
  m.def("load", &load_path, py::arg("path"),
        py::arg("shapes") = std::vector<std::pair<std::string, std::vector<std::int64_t>>>(),
        py::arg("open") = std::vector<std::tuple<std::string, std::int64_t, std::int64_t>>(),
        "A .lowbit or ONNX file. For ONNX, shapes: [(input, (3, 48, 320))] where the file leaves them open; "
        "open: [(dimension, "
        "lowest, highest)] for those that stay open.");
  m.def("calibrate", &calibrate_model, py::arg("model"), py::arg("batches"), py::arg("observer") = "minmax",
        py::arg("threads") = 1,
        "Runs an fp32 model on batches (an iterable of what Model takes) and observes every value.");
  m.def("quantize", &quantize_model, py::arg("model"), py::arg("table") = py::none(),
        py::arg("scheme") = "int8", py::arg("overrides") = std::vector<std::pair<std::string, std::string>>(),
        py::arg("wide_sums") = false, py::arg("kv_cache_bits") = 0,
        "Quantizes a model by a scheme; overrides: [(pattern of node names, scheme)]. Dynamic schemes need "
        "no table.");
  m.def("run", &run_model, py::arg("model"), py::arg("inputs"), py::arg("out") = py::none(),
        py::arg("workspace"),
        "Runs a batch in a workspace; `out`: an array, or a list of one for each output, that is written.");
  m.def("compare", &compare_models, py::arg("reference"), py::arg("other"), py::arg("batches"));
}

}  // namespace lowbit::python
