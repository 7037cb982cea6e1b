# SPDX-License-Identifier: Apache-2.0
# Install and export: find_package(lowbit [COMPONENTS onnx json]).
include(CMakePackageConfigHelpers)

install(TARGETS lowbit lowbit_train EXPORT lowbit-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lowbit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT lowbit-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
if(TARGET lowbit_onnx)
  install(TARGETS lowbit_onnx EXPORT lowbit-onnx-targets)
  install(EXPORT lowbit-onnx-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
endif()
if(TARGET lowbit_json)
  install(TARGETS lowbit_json EXPORT lowbit-json-targets)
  install(EXPORT lowbit-json-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
endif()
if(TARGET lowbit_command)
  if(BUILD_SHARED_LIBS AND UNIX AND NOT APPLE)
    file(RELATIVE_PATH to_libraries ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
    set_target_properties(lowbit_command PROPERTIES INSTALL_RPATH "$ORIGIN/${to_libraries}")
  endif()
  install(TARGETS lowbit_command)
  if(TARGET lowbit_documents)
    get_target_property(documents lowbit_documents BINARY_DIR)
    install(FILES ${documents}/manual DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 RENAME lowbit.1)
    install(FILES ${documents}/completion_bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME lowbit)
    install(FILES ${documents}/completion_zsh DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions RENAME _lowbit)
    install(FILES ${documents}/completion_fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d RENAME lowbit.fish)
  endif()
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lowbit-config.cmake.in
  ${PROJECT_BINARY_DIR}/lowbit-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lowbit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lowbit-config.cmake ${PROJECT_BINARY_DIR}/lowbit-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/docs/licences.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The library as two files, for programs without a build system. Made when it is installed: nothing else needs them.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_FOUND)
  install(CODE "
    set(folder \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/lowbit\")
    execute_process(COMMAND \"${Python3_EXECUTABLE}\" \"${PROJECT_SOURCE_DIR}/scripts/amalgamate\" \"\${folder}\"
                    COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${folder}/lowbit.h\" \"\${folder}/lowbit.cc\")")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/lowbit_pkg_config.cmake)
if(LOWBIT_TOP_LEVEL)
  include(${CMAKE_CURRENT_LIST_DIR}/lowbit_cpack.cmake)
endif()
