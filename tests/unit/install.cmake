# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs below a folder of the build and looks whether every name is there and
# runs. cmake -DBUILD=... -DVERSION=... -P install.cmake
set(prefix ${BUILD}/Testing/install)
file(REMOVE_RECURSE ${prefix})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix}
  RESULT_VARIABLE status OUTPUT_QUIET)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "cmake --install: ${status}")
endif()

function(expect_output words)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT out MATCHES "^${words}")
    message(FATAL_ERROR "${ARGN}: expected '${words}', got '${out}'")
  endif()
endfunction()

expect_output("ifw ${VERSION}" ${prefix}/sbin/ifw --version)
expect_output("${VERSION}" ${prefix}/sbin/zfw -V)
expect_output("usage: map_update " ${prefix}/sbin/map_update)
expect_output("usage: map_delete_elem " ${prefix}/sbin/map_delete_elem)
expect_output("ifw-sim ${VERSION}" ${prefix}/bin/ifw-sim --version)
foreach(name map_update map_delete_elem)
  file(READ_SYMLINK ${prefix}/sbin/${name} target)
  if(NOT target STREQUAL "zfw")
    message(FATAL_ERROR "${name} leads to ${target}")
  endif()
endforeach()
file(REMOVE_RECURSE ${prefix})
