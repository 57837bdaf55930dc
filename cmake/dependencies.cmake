# Finds every third-party library and gives it one imported target. Nothing below this file names
# a path. tools/setup/apt.txt lists the packages searched for here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(ICU REQUIRED COMPONENTS i18n uc)
find_package(GTest REQUIRED)
find_package(rapidcheck REQUIRED)
find_package(benchmark REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET libavformat libavcodec libswscale libavutil)
pkg_check_modules(TOMLPP REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpmux libwebpdemux)

# LibTorch comes from the PyPI wheel, unpacked by tools/setup/setup.sh into a cache outside the tree. We
# declare its targets ourselves: TorchConfig.cmake insists on a CUDA toolkit even for CPU-only use.
if(DEFINED ENV{XDG_CACHE_HOME})
  set(_zoetrope_cache "$ENV{XDG_CACHE_HOME}/zoetrope")
else()
  set(_zoetrope_cache "$ENV{HOME}/.cache/zoetrope")
endif()
set(ZOETROPE_LIBTORCH "${_zoetrope_cache}/libtorch-2.11.0" CACHE PATH "Unpacked LibTorch wheel")
set(ZOETROPE_SERVING_PYTHON "${_zoetrope_cache}/serving_tests/bin/python" CACHE FILEPATH
    "Python of the tests that drive a served Zoetrope (tools/setup/serving_tests.txt)")
set(ZOETROPE_ENVOY "${_zoetrope_cache}/envoy-1.40.0/envoy" CACHE FILEPATH
    "Envoy 1.40.0 (tools/setup/envoy.lock); tests that need it are skipped where it is not there")
if(NOT EXISTS "${ZOETROPE_LIBTORCH}/torch/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch 2.11.0 is not in ${ZOETROPE_LIBTORCH}: run ./zoetrope or ./test once")
endif()

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE
  "${ZOETROPE_LIBTORCH}/torch/include" "${ZOETROPE_LIBTORCH}/torch/include/torch/csrc/api/include")
target_link_directories(libtorch INTERFACE "${ZOETROPE_LIBTORCH}/torch/lib")
# The wheel's own RPATH finds cudart and cupti beside it; --allow-shlib-undefined lets a CPU-only
# machine link without the rest of the CUDA libraries.
target_link_options(libtorch INTERFACE
  "-Wl,-rpath,${ZOETROPE_LIBTORCH}/torch/lib" -Wl,--allow-shlib-undefined)
target_link_libraries(libtorch INTERFACE torch_cpu c10 Threads::Threads)
# The wheel brings the headers of a newer fmt, found before the system's, without its library.
target_compile_definitions(libtorch INTERFACE FMT_HEADER_ONLY)
# at::parallel_for is a template around an OpenMP pragma: without the flag it silently runs on one
# thread. The run-time library is the wheel's own libgomp.
target_compile_options(libtorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
target_link_options(libtorch INTERFACE -fopenmp)

if(ZOETROPE_CUDA)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;89-real;90a-real" CACHE STRING "GPU architectures")
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # CMake 3.25 does not know that nvcc has it
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  find_package(CUDAToolkit REQUIRED)
  # cuDNN's graphs: headers alone, the library is the one that torch_cuda loads.
  find_path(ZOETROPE_CUDNN_INCLUDE cudnn.h
    HINTS "${ZOETROPE_LIBTORCH}/nvidia/cudnn/include" ${CUDAToolkit_INCLUDE_DIRS})
  find_path(ZOETROPE_CUDNN_FRONTEND_INCLUDE cudnn_frontend.h
    HINTS "${_zoetrope_cache}/cudnn-frontend-1.32.0/include")
  if(ZOETROPE_CUDNN_INCLUDE AND ZOETROPE_CUDNN_FRONTEND_INCLUDE)
    set(ZOETROPE_CUDNN ON)
    add_library(cudnn_frontend INTERFACE)
    target_include_directories(cudnn_frontend SYSTEM INTERFACE
      ${ZOETROPE_CUDNN_INCLUDE} ${ZOETROPE_CUDNN_FRONTEND_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
    target_compile_definitions(cudnn_frontend INTERFACE
      CUDNN_FRONTEND_SKIP_JSON_LIB NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING)
    target_link_libraries(cudnn_frontend INTERFACE ${CMAKE_DL_LIBS})
  else()
    message(STATUS "No headers of cuDNN or its front end: its fused convolutions are left out")
  endif()
  # torch_cuda registers its operators in constructors; nothing refers to it by symbol, so it must
  # be kept in spite of --as-needed (compiler_flags.cmake).
  target_link_libraries(libtorch INTERFACE
    "-Wl,--push-state,--no-as-needed,${ZOETROPE_LIBTORCH}/torch/lib/libtorch_cuda.so,--pop-state" c10_cuda)
endif()
