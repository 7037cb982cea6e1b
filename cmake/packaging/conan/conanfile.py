# SPDX-License-Identifier: Apache-2.0
# A recipe for Conan 2 that builds the source tree it lies in: conan create cmake/packaging/conan --build=missing
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir


class LowbitConan(ConanFile):
    name = "lowbit"
    description = "Neural-network quantization and fast low-bit kernels for C++"
    license = "Apache-2.0"
    topics = ("quantization", "neural-network", "int8", "int4", "kernels")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "onnx": [True, False], "json": [True, False]}
    default_options = {"shared": False, "fPIC": True, "onnx": False, "json": True}

    @property
    def _root(self):
        return os.path.normpath(os.path.join(self.recipe_folder, "..", "..", ".."))

    def set_version(self):
        header = load(self, os.path.join(self._root, "include", "lowbit", "version.h"))
        self.version = ".".join(
            re.search(rf"define LOWBIT_VERSION_{part} (\d+)", header).group(1) for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "README.md", "cmake/*", "docs/*", "include/*", "src/*"):
            copy(self, pattern, src=self._root, dst=self.export_sources_folder)

    def config_options(self):
        if self.settings.os == "Windows":
            del self.options.fPIC

    def configure(self):
        if self.options.shared:
            self.options.rm_safe("fPIC")

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("eigen/3.4.0", transitive_headers=True)
        self.requires("fmt/10.2.1")
        if self.options.json:
            self.requires("nlohmann_json/3.11.3")
        if self.options.onnx:
            self.requires("onnx/1.15.0")
            self.requires("protobuf/3.21.12")

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["LOWBIT_ONNX"] = bool(self.options.onnx)
        toolchain.cache_variables["LOWBIT_JSON"] = bool(self.options.json)
        for part in ("CLI", "TESTS", "BENCH", "EXAMPLES"):
            toolchain.cache_variables[f"LOWBIT_{part}"] = False
        toolchain.cache_variables["LOWBIT_INSTALL"] = True
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        # Conan writes its own.
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(self.package_folder, "lib", folder))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "lowbit")
        main = self.cpp_info.components["lowbit"]
        main.set_property("cmake_target_name", "lowbit::lowbit")
        main.set_property("pkg_config_name", "lowbit")
        main.libs = ["lowbit"]
        main.defines = ["LOWBIT_LINKED_BY_CMAKE"]
        main.requires = ["eigen::eigen", "fmt::fmt"]
        if self.settings.os == "Linux":
            main.system_libs = ["pthread"]
        train = self.cpp_info.components["train"]
        train.set_property("cmake_target_name", "lowbit::train")
        train.set_property("pkg_config_name", "lowbit-train")
        train.libs = ["lowbit_train"]
        train.requires = ["lowbit", "fmt::fmt"]
        needs = {"onnx": ["onnx::onnx", "protobuf::protobuf"], "json": ["fmt::fmt", "nlohmann_json::nlohmann_json"]}
        for component, requires in needs.items():
            if not self.options.get_safe(component):
                continue
            part = self.cpp_info.components[component]
            part.set_property("cmake_target_name", f"lowbit::{component}")
            part.set_property("pkg_config_name", f"lowbit-{component}")
            part.libs = [f"lowbit_{component}"]
            part.defines = [f"LOWBIT_HAS_{component.upper()}"]
            part.requires = ["lowbit"] + requires
