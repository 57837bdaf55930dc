// zoetrope animate: one picture and a line of text to a clip.
#include <CLI/CLI.hpp>

#include <filesystem>
#include <map>
#include <memory>

#include "apps/command.h"
#include "apps/make_files.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kFooter = R"(
Pictures of any size and shape are fitted to the model: shrunk or enlarged, and
padded with their own background colour. Of an animated picture the first frame
counts. The prompt may be empty: then the picture alone decides. Only the first
words of a very long prompt count; a warning says so.

The same picture, prompt, flags and seed give the same clip.

Examples:
  zoetrope animate rocket.png --prompt "a rocket taking off" -o rocket.mp4
  zoetrope animate cat.jpg --prompt "a cat nodding" --motion 0.4 -o cat.gif
  zoetrope animate cat.jpg --prompt "a cat nodding" --seed 1 2 3 -o cat.mp4
      writes cat-1.mp4, cat-2.mp4 and cat-3.mp4
  zoetrope animate cat.jpg --prompt "a cat nodding" --size 512 -o cat.webp

Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted.)";

void add_clip_flags(CLI::App& command, MakeFlags& flags) {
  command.add_option("PICTURE", flags.picture, "PNG, JPEG, WebP or GIF")->required();
  command.add_option("-p,--prompt", flags.request.prompt, "What happens in the clip")
      ->type_name("TEXT");
  command
      .add_option("-o,--out", flags.out,
                  "File to write: .mp4, .gif or .webp (default: the picture's name with .mp4)")
      ->type_name("FILE");
  command.add_option("--format", flags.format, "mp4, gif or webp, whatever the file is called")
      ->type_name("NAME")
      ->check(CLI::IsMember({"mp4", "gif", "webp"}));
  command.add_option("--fps", flags.request.fps, "Frames a second (default: the model's, 12)")
      ->type_name("N");
}

void add_sampling_flags(CLI::App& command, MakeFlags& flags) {
  const auto add = [&](const char* name, auto& target, const char* help, const char* type) {
    command.add_option(name, target, help)->type_name(type)->group("Sampling");
  };
  add_quality_flag(command, flags.request.quality)->group("Sampling");
  add("--steps", flags.request.steps,
      "Denoising steps of quality best: more are slower and livelier (default: the model's, 15)",
      "N");
  add("--motion", flags.request.motion,
      "From 0, nearly still, to 1, lively (default: the model's, 0.45)", "0..1");
  add("--text-guidance", flags.request.text_guidance,
      "How closely to follow the prompt (default: the model's, 3)", "X");
  add("--image-guidance", flags.request.image_guidance,
      "How closely to keep to the picture (default: the model's, 1.5)", "X");
  add("--negative-prompt", flags.request.negative_prompt,
      "What the clip should not look like; quality best alone takes it", "TEXT");
  command
      .add_option("--tier", flags.request.tier,
                  "lossless: all the model says; balanced: faster, reusing what hardly changes "
                  "from step to step (default: lossless)")
      ->type_name("NAME")
      ->transform(CLI::CheckedTransformer(std::map<std::string, engine::Tier>{
          {"lossless", engine::Tier::kLossless}, {"balanced", engine::Tier::kBalanced}}))
      ->group("Sampling");
  add("--frames", flags.request.num_frames, "Frames in the clip (default: the model's, 16)", "N");
}

}  // namespace

Command add_animate(CLI::App& root) {
  CLI::App* command = root.add_subcommand("animate", "Make a clip from a picture and a text");
  command->footer(kFooter);
  const auto flags = std::make_shared<MakeFlags>();
  add_clip_flags(*command, *flags);
  add_result_flags(*command, *flags);
  add_sampling_flags(*command, *flags);
  add_model_flags(*command, flags->model);
  return {command, [flags] {
            return make_files(*flags,
                              {.stem = std::filesystem::path(flags->picture).stem().string(),
                               .formats = {"mp4", "gif", "webp"},
                               .task = [](const engine::ModelDefaults&, const std::string&) {
                                 return engine::Task::kImageToVideo;
                               }});
          }};
}

}  // namespace zoetrope::apps
