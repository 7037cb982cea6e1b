// SPDX-License-Identifier: Apache-2.0
// The target lowbit_test_headers needs a source; what it is for are its precompiled headers
// (tests/CMakeLists.txt).
