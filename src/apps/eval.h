// The parts of `zoetrope eval`, shared by the full binary and by zoetrope-gpu, which has no video
// decoder.
#pragma once

#include <functional>
#include <string>

#include "apps/command.h"
#include "base/cancel.h"
#include "base/progress.h"
#include "base/result.h"

namespace zoetrope::apps {

// Makes the folder `out` from a folder of clips that has not been prepared (train/prepare.h).
using PrepareData = std::function<base::Status(
    const std::string& data, const std::string& out, const std::string& held_out_list,
    const base::ProgressSink& progress, const base::CancelToken& cancel)>;

// `prepare` may be empty: then only prepared folders are taken.
Command add_eval_run(CLI::App& parent, PrepareData prepare);
Command add_eval_page(CLI::App& parent);
Command add_eval_report(CLI::App& parent);

}  // namespace zoetrope::apps
