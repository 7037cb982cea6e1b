// SPDX-License-Identifier: Apache-2.0
// The exception type of the library, beside std::bad_alloc. Everything that can be refused (construction,
// calibration, packing, loading, arguments of `run`) is refused by throwing lowbit::Error before anything is
// written.
#pragma once

#include <stdexcept>
#include <string>

#include "lowbit/core/config.h"

namespace lowbit {

/// What kind of thing went wrong; the sentence in `what()` says which thing, its shape and what was expected.
enum class ErrorCode {
  invalid_argument,  ///< a value that the callee does not accept
  shape_mismatch,    ///< shapes that do not fit each other
  unsupported,       ///< an operator, type or combination that lowbit does not have
  not_built,         ///< a known name whose implementation is not in this build
  not_found,         ///< a file, folder, tensor or name that does not exist
  corrupt_file,      ///< a file that is truncated, of another format or fails its checksum
  io,                ///< the operating system refused to read or write
  cancelled,         ///< the caller asked to stop
};

/// Thrown by every fallible public function of the library.
class LOWBIT_EXPORTED Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

namespace detail {
/// Throws Error(code, sentence). Public headers throw by it, so that they compile in programs without
/// exceptions: such a program ends with the sentence on standard error.
[[noreturn]] void throw_error(ErrorCode code, const std::string& sentence);
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;
}  // namespace detail

}  // namespace lowbit

// Internal invariants, checked in builds without NDEBUG only. Never used for a caller's mistakes.
#ifdef NDEBUG
#define LOWBIT_ASSERT(condition) static_cast<void>(0)
#else
#define LOWBIT_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::lowbit::detail::assertion_failed(#condition, __FILE__, __LINE__))
#endif

#ifdef LOWBIT_HEADER_ONLY
#include "lowbit/core/error-inl.h"
#endif
