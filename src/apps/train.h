// The parts of `zoetrope train`, shared by the full binary and by zoetrope-gpu, which holds only
// what a bare GPU machine needs (no video decoder).
#pragma once

#include "apps/command.h"

namespace zoetrope::apps {

Command add_train_prepare(CLI::App& train);
Command add_train_autoencoder(CLI::App& train);
Command add_train_unet(CLI::App& train);
Command add_distill(CLI::App& root);

}  // namespace zoetrope::apps
