# Flags every target gets. Warnings are errors: a warning nobody fixes hides the next one.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wall> $<$<COMPILE_LANGUAGE:CXX>:-Wextra>
                    $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
# -g1: line tables for back traces; full debug info of ATen headers doubles object size.
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-g1>)
# Results must not depend on whether the compiler fused a multiply-add (reproducibility contract).
add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>)

# Executables too are compiled with -fPIC, not -fPIE: they share the libraries' precompiled header,
# which the compiler refuses under different settings.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)

find_program(ZOETROPE_CCACHE ccache)
if(ZOETROPE_CCACHE)
  # The sloppiness and -fpch-preprocess are what ccache asks for to cache files that use a
  # precompiled header; base_dir and no hash of the folder let two checkouts share the cache.
  set(_ccache ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${ZOETROPE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_ccache})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${_ccache})
  add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
endif()

find_program(ZOETROPE_LLD ld.lld)
if(ZOETROPE_LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Two link jobs at most: each maps the 450 MB libtorch_cpu.so.
set_property(GLOBAL PROPERTY JOB_POOLS link_pool=2)
set(CMAKE_JOB_POOL_LINK link_pool)

if(ZOETROPE_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${ZOETROPE_SANITIZE}>
                      $<$<COMPILE_LANGUAGE:CXX>:-fno-omit-frame-pointer>)
  add_link_options(-fsanitize=${ZOETROPE_SANITIZE})
endif()

# A binary names only the libraries it uses: zoetrope-train and the GPU tests run on machines that
# have neither FFmpeg nor ICU.
add_link_options(-Wl,--as-needed)
