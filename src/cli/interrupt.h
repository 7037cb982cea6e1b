// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM: what is half written is removed, and the program ends with a status of its own.
#pragma once

namespace lowbit::cli {

/// The exit status of a program that was interrupted.
inline constexpr int kInterrupted = 130;

/// To be called before there are threads. From then on an interrupt ends the program with kInterrupted. Does
/// nothing on systems without POSIX signals.
void watch_interrupts();

/// While one lives, the first interrupt only makes interrupted() true: for commands that have something to
/// show although they are not done. The second one ends the program.
class FinishOnInterrupt {
 public:
  FinishOnInterrupt();
  FinishOnInterrupt(const FinishOnInterrupt&) = delete;
  FinishOnInterrupt& operator=(const FinishOnInterrupt&) = delete;
  ~FinishOnInterrupt();
};

bool interrupted();

}  // namespace lowbit::cli
