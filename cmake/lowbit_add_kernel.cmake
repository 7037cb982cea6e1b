# lowbit_add_kernel(FILE ISA): adds one kernel source to the library, compiled for one instruction set.
# The one place that maps an ISA to compiler flags. ISA: scalar, avx2, avxvnni, avx512, avx512vnni, avx512popcnt,
# neon, neondot, neoni8mm.
# A kernel file includes intrinsics, the POD interfaces and private .inl files only, so that no inline function
# that other files share is ever compiled under these wider flags.

function(lowbit_isa_flags isa result supported)
  set(flags "")
  set(ok TRUE)
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" cpu)
  if(cpu MATCHES "x86_64|amd64")
    if(isa STREQUAL "scalar")
    elseif(isa STREQUAL "avx2")
      set(flags $<IF:$<BOOL:${MSVC}>,/arch:AVX2,-mavx2;-mfma;-mf16c;-mbmi;-mbmi2>)
    elseif(isa STREQUAL "avxvnni")
      set(flags $<IF:$<BOOL:${MSVC}>,/arch:AVX2,-mavx2;-mfma;-mf16c;-mbmi;-mbmi2;-mavxvnni>)
    elseif(isa STREQUAL "avx512")
      set(flags $<IF:$<BOOL:${MSVC}>,/arch:AVX512,-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mprefer-vector-width=512>)
    elseif(isa STREQUAL "avx512vnni")
      set(flags $<IF:$<BOOL:${MSVC}>,/arch:AVX512,-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mprefer-vector-width=512>)
    elseif(isa STREQUAL "avx512popcnt")
      set(flags $<IF:$<BOOL:${MSVC}>,/arch:AVX512,-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vpopcntdq;-mavx512bitalg;-mprefer-vector-width=512>)
    else()
      set(ok FALSE)
    endif()
  elseif(cpu MATCHES "aarch64|arm64")
    if(isa STREQUAL "scalar" OR isa STREQUAL "neon")
    elseif(isa STREQUAL "neondot")
      set(flags -march=armv8.2-a+dotprod)
    elseif(isa STREQUAL "neoni8mm")
      set(flags -march=armv8.2-a+dotprod+i8mm)
    else()
      set(ok FALSE)
    endif()
  elseif(NOT isa STREQUAL "scalar")
    set(ok FALSE)
  endif()
  if(isa MATCHES "avx512" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's own AVX-512 headers read an "undefined" register (GCC bug 105593).
    list(APPEND flags -Wno-maybe-uninitialized -Wno-uninitialized)
  endif()
  set(${result} "${flags}" PARENT_SCOPE)
  set(${supported} ${ok} PARENT_SCOPE)
endfunction()

function(lowbit_add_kernel file isa)
  lowbit_isa_flags(${isa} flags supported)
  if(NOT supported)
    return()
  endif()
  get_filename_component(object ${file} NAME)
  target_sources(lowbit PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  if(LOWBIT_SANITIZE MATCHES "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Every access of an unrolled tile checked in place takes minutes to compile: a call checks it instead, and
    # only for what it accesses.
    list(APPEND flags -fno-sanitize=alignment,pointer-overflow
                      --param=asan-instrumentation-with-call-threshold=0)
  endif()
  if(LOWBIT_SANITIZE AND object MATCHES "^gemm_" AND NOT isa STREQUAL "scalar" AND NOT MSVC)
    # A tile full of checks takes longer to optimize than the shapes of the tests take without.
    list(APPEND flags -O0)
  endif()
  set_property(SOURCE ${CMAKE_CURRENT_SOURCE_DIR}/${file} TARGET_DIRECTORY lowbit
               APPEND PROPERTY COMPILE_OPTIONS ${flags})
  # Tells kernel_table.cc which kernels this build has, as in LOWBIT_HAVE_GEMM_S8_AVX2.
  get_filename_component(name ${file} NAME_WE)
  string(TOUPPER ${name} name)
  target_compile_definitions(lowbit PRIVATE LOWBIT_HAVE_${name})
  set_property(GLOBAL APPEND PROPERTY LOWBIT_KERNEL_FILES ${object})
endfunction()
