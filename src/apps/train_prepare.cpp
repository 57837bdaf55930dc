// zoetrope train prepare: a folder of captioned clips to what the trainers read.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "apps/exit_code.h"
#include "apps/interrupt.h"
#include "apps/progress_view.h"
#include "apps/train.h"
#include "train/prepare.h"

namespace zoetrope::apps {

Command add_train_prepare(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand(
      "prepare", "Decode clips, set concepts aside, learn the vocabulary, tokenise prompts");
  const auto options = std::make_shared<train::PrepareOptions>();
  command
      ->add_option("DATA", options->data_folder,
                   "Sticker pack (animations-128px.mkv, animations.jsonl, ...) or plain clips with "
                   "captions.jsonl")
      ->required();
  command->add_option("-o,--out", options->out_folder, "Folder to write")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--held-out", options->held_out_list,
                   "File with the concepts to keep out of training, one a line")
      ->type_name("FILE");
  command->add_option("--vocabulary", options->vocabulary, "Tokens to learn")
      ->capture_default_str();
  command->add_option("--phrasings", options->phrasings, "Prompts a clip")->capture_default_str();
  command->add_option("--seed", options->seed, "Seed of the phrasings")->capture_default_str();
  return {command, [options] {
            const InterruptGuard interrupt;
            const auto view = make_progress_view(ProgressStyle::kAuto);
            const auto summary = train::prepare(
                *options, [&](const base::Progress& p) { view->update(p); }, interrupt.token());
            view->finish("");
            if (!summary.ok()) return fail(summary.status(), Output::kText);
            std::printf(
                "%lld clips of %lld concepts (%lld clips of %lld concepts held out), %lld stills, "
                "%lld tokens: %s\n",
                static_cast<long long>(summary->clips), static_cast<long long>(summary->concepts),
                static_cast<long long>(summary->held_out_clips),
                static_cast<long long>(summary->held_out_concepts),
                static_cast<long long>(summary->stills),
                static_cast<long long>(summary->vocabulary), options->out_folder.c_str());
            return kExitFine;
          }};
}

}  // namespace zoetrope::apps
