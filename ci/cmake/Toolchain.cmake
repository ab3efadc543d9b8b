# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Flags for all user-space code, and the outside programs and libraries that
# the build uses. What is missing is named here, at configure time.
include(CheckLinkerFlag)
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wpointer-arith -Wundef -Wvla)
add_compile_definitions(_GNU_SOURCE IFW_VERSION="${PROJECT_VERSION}")
include_directories(${CMAKE_SOURCE_DIR})
if(IFW_FUZZ)
  # What is counted as new is told by this instrumentation in all of the code.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(IFW_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# A command is run for each rule, and bringing in a shared library takes longer
# than what it does: archives are taken where there are any. libelf and zlib are
# what libbpf's archive needs.
set(shared_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES .a)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1 libelf zlib)
pkg_check_modules(LIBJANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
set(CMAKE_FIND_LIBRARY_SUFFIXES ${shared_suffixes})

# Whether a program that needs libbpf alone can do without shared libraries.
# The C library's own archive is not everywhere.
check_linker_flag(C -static-pie IFW_HAVE_STATIC_PIE)
set(IFW_STATIC ${IFW_HAVE_STATIC_PIE})
foreach(library ${LIBBPF_LINK_LIBRARIES})
  if(IFW_SANITIZE OR NOT library MATCHES "\\.a$")
    set(IFW_STATIC OFF)
  endif()
endforeach()
find_library(PCAP_LIBRARY pcap REQUIRED)
find_path(UTHASH_INCLUDE uthash.h REQUIRED)

# clang for BPF, whatever compiles the rest.
find_program(BPF_CLANG NAMES clang clang-14 clang-16 clang-19 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin REQUIRED)

# The python that can import scapy need not be the first on PATH.
if(IFW_TESTS)
  find_library(CRITERION_LIBRARY criterion REQUIRED)
  foreach(candidate python3 /usr/bin/python3 /usr/local/bin/python3)
    execute_process(COMMAND ${candidate} -c "import scapy.all" RESULT_VARIABLE status
                    OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
      find_program(SCAPY_PYTHON ${candidate} REQUIRED)
      break()
    endif()
  endforeach()
  if(NOT SCAPY_PYTHON)
    message(FATAL_ERROR "no python3 here can import scapy (Debian: python3-scapy)")
  endif()
endif()
