// Makes the clips of a configuration through the engine, those that are not in the store yet.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"
#include "engine/api/engine.h"
#include "eval/clip_store.h"
#include "eval/configuration.h"
#include "eval/eval_set.h"

namespace zoetrope::eval {

// The clips of one configuration: of item i and seed number s at [i * seeds + s].
struct MadeClips {
  std::vector<StoredClip> clips;
  std::string model_id;  // folder_fingerprint of the model
};

// Whether the model can be asked that at all, without making anything. One line that names the
// configuration.
base::Status check_configuration(const Configuration& configuration);

// `configuration.model` names a folder. Progress counts clips, under the configuration's name.
base::Result<MadeClips> make_clips(const Configuration& configuration,
                                   const engine::EngineOptions& options, const EvalSet& set,
                                   const std::vector<uint64_t>& seeds, const ClipStore& store,
                                   const base::ProgressSink& progress,
                                   const base::CancelToken& cancel);

}  // namespace zoetrope::eval
