// SPDX-License-Identifier: Apache-2.0
// The Python module _lowbit: errors, and what the other files bind.
#include "lowbit/core/error.h"
#include "lowbit/core/scheme.h"
#include "lowbit/version.h"
#include "python/arrays.h"

PYBIND11_MODULE(_lowbit, m) {
  namespace py = pybind11;
  py::register_exception<lowbit::Error>(m, "Error", PyExc_ValueError);
  m.def("version", [] { return LOWBIT_VERSION_STRING; });
  m.def(
      "schemes",
      [] {
        py::list names;
        for (const lowbit::Scheme& s : lowbit::known_schemes()) names.append(lowbit::format_scheme(s));
        return names;
      },
      "The names of schemes that `lowbit schemes` lists.");
  lowbit::python::bind_matrices(m);
  lowbit::python::bind_models(m);
}
