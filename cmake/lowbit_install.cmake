# Install and export: find_package(lowbit [COMPONENTS onnx json]).
include(CMakePackageConfigHelpers)

install(TARGETS lowbit EXPORT lowbit-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lowbit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT lowbit-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
if(TARGET lowbit_onnx)
  install(TARGETS lowbit_onnx EXPORT lowbit-onnx-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT lowbit-onnx-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
endif()
if(TARGET lowbit_json)
  install(TARGETS lowbit_json EXPORT lowbit-json-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT lowbit-json-targets NAMESPACE lowbit:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
endif()
if(TARGET lowbit_command)
  install(TARGETS lowbit_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lowbit-config.cmake.in
  ${PROJECT_BINARY_DIR}/lowbit-config.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lowbit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lowbit-config.cmake ${PROJECT_BINARY_DIR}/lowbit-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/lowbit)
