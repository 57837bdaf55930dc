// Decodes a data folder's videos into clips.safetensors and stills.safetensors.
#pragma once

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "train/captions.h"
#include "train/prepare.h"

namespace zoetrope::train {

base::Status decode_clips(const PrepareOptions& options, const Captions& captions,
                          const base::ProgressSink& progress, const base::CancelToken& cancel);

}  // namespace zoetrope::train
