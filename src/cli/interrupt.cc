// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "core/file_io.h"
#ifndef _WIN32
#include <signal.h>

#include <thread>
#endif

namespace lowbit::cli {
namespace {

std::atomic<bool> g_interrupted{false}, g_finishes{false};

}  // namespace

#ifndef _WIN32

// A thread that waits for the signals may do what a handler may not: take locks, print.
void watch_interrupts() {
  static sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action = {};
    // Ignored ones, as in the background of a shell, stay so.
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([] {
    int signal = 0;
    while (sigwait(&signals, &signal) == 0) {
      if (g_finishes && !g_interrupted.exchange(true)) {
        fmt::print(stderr, "\nlowbit: interrupted; what is done will be shown (once more to end at once)\n");
        continue;
      }
      remove_temporaries();
      fmt::print(stderr, "\nlowbit: interrupted\n");
      std::_Exit(kInterrupted);
    }
  }).detach();
}

#else

void watch_interrupts() {}

#endif

FinishOnInterrupt::FinishOnInterrupt() {
  g_finishes = true;
}

FinishOnInterrupt::~FinishOnInterrupt() {
  g_finishes = false;
}

bool interrupted() {
  return g_interrupted;
}

}  // namespace lowbit::cli
