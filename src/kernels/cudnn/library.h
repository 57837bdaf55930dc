// cuDNN's graphs (cudnn_frontend), bound to the library that is loaded already. For the .cpp files
// of this folder: the headers take half a minute to compile.
#pragma once

#include <cudnn_frontend.h>

namespace zoetrope::kernels {

// False where the process has no cuDNN: then nothing of it may be called.
bool cudnn_loaded();

}  // namespace zoetrope::kernels
