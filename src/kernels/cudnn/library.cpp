#include "kernels/cudnn/library.h"

#include <dlfcn.h>

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // what the front end looks its symbols up in
}  // namespace cudnn_frontend

namespace zoetrope::kernels {

bool cudnn_loaded() {
  static const bool loaded = [] {
    cudnn_frontend::cudnn_dlhandle = dlopen("libcudnn.so.9", RTLD_LAZY);
    return cudnn_frontend::cudnn_dlhandle != nullptr;
  }();
  return loaded;
}

}  // namespace zoetrope::kernels
