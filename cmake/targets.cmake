# zoetrope_library(NAME SOURCES ... [CUDA ...] [NO_CUDA ...] [TESTS ...] [TEST_SOURCES ...] [BENCHES ...]
#                  [DEPS ...] [TEST_DEPS ...] [TORCH])
#
# One call per folder under src/. Declares the static library `NAME`, and, when there are tests,
# one test binary `NAME_test` with two ctest entries: `NAME` (label fast) and, if the folder has
# tests in suites called *Slow*, `NAME_slow` (label full). CUDA lists .cu/.cpp files built only
# with ZOETROPE_CUDA, NO_CUDA the stub files built only without it.
function(zoetrope_library NAME)
  cmake_parse_arguments(A "TORCH;SLOW_TESTS" "" "SOURCES;CUDA;NO_CUDA;TESTS;TEST_SOURCES;BENCHES;DEPS;TEST_DEPS" ${ARGN})
  set(sources ${A_SOURCES})
  if(ZOETROPE_CUDA)
    list(APPEND sources ${A_CUDA})
  else()
    list(APPEND sources ${A_NO_CUDA})
  endif()

  set(scope PUBLIC)
  if(sources)
    add_library(${NAME} STATIC ${sources})
  else()
    add_library(${NAME} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${NAME} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${NAME} ${scope} ${A_DEPS})
  if(A_TORCH)
    target_link_libraries(${NAME} ${scope} libtorch)
    if(sources)
      zoetrope_use_aten_pch(${NAME})
    endif()
  endif()

  if(A_TESTS)
    add_executable(${NAME}_test ${A_TESTS} ${A_TEST_SOURCES})
    target_include_directories(${NAME}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)  # support/
    target_link_libraries(${NAME}_test PRIVATE ${NAME} ${A_TEST_DEPS} GTest::gtest GTest::gtest_main GTest::gmock)
    target_compile_definitions(${NAME}_test PRIVATE ZOETROPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(A_TORCH)
      zoetrope_use_aten_pch(${NAME}_test)
    endif()
    add_test(NAME ${NAME} COMMAND ${NAME}_test --gtest_filter=-*Slow*)
    # Tests run side by side: waiting OpenMP threads must not burn the core of a neighbour.
    set_tests_properties(${NAME} PROPERTIES LABELS fast ENVIRONMENT OMP_WAIT_POLICY=passive)
    if(A_SLOW_TESTS)
      add_test(NAME ${NAME}_slow COMMAND ${NAME}_test --gtest_filter=*Slow*)
      set_tests_properties(${NAME}_slow PROPERTIES LABELS full ENVIRONMENT OMP_WAIT_POLICY=passive)
    endif()
  endif()

  foreach(bench ${A_BENCHES})
    get_filename_component(stem ${bench} NAME_WE)
    add_executable(${stem} ${bench})
    target_link_libraries(${stem} PRIVATE ${NAME} benchmark::benchmark_main)
    target_compile_definitions(${stem} PRIVATE ZOETROPE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    if(A_TORCH)
      zoetrope_use_aten_pch(${stem})
    endif()
  endforeach()
endfunction()

# ATen.h costs 8 s a file without a precompiled header, 1.5 s with one. Libraries and executables
# share one each.
function(zoetrope_use_aten_pch TARGET)
  if(NOT TARGET aten_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/aten_pch.cpp "// carries the precompiled header\n")
    add_library(aten_pch OBJECT ${CMAKE_BINARY_DIR}/aten_pch.cpp)
    target_link_libraries(aten_pch PUBLIC libtorch)
    target_precompile_headers(aten_pch PRIVATE $<$<COMPILE_LANGUAGE:CXX>:<ATen/ATen.h$<ANGLE-R>>)
  endif()
  target_precompile_headers(${TARGET} REUSE_FROM aten_pch)
endfunction()
