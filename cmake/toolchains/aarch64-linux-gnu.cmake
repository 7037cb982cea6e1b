# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for 64-bit Arm with Debian's crossbuild packages; tests run under qemu-user.
# Needs: g++-aarch64-linux-gnu qemu-user, and libfmt-dev:arm64 libgtest-dev:arm64 for the tests.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
# `-cpu max` has dotprod and i8mm. The cross toolchain's C library comes before that of Debian's multi-arch folder: it
# is the one whose loader -L selects, and a loader with another C library hangs as soon as a thread starts.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64;-cpu;max;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib:/usr/lib/aarch64-linux-gnu)
