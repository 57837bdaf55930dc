// zoetrope generate: a text, with or without a picture, to a picture or a clip.
#include <CLI/CLI.hpp>

#include <memory>
#include <string>

#include "apps/command.h"
#include "apps/make_files.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kFooter = R"(
The model is a folder in the diffusers layout (model_index.json): FLUX.1, Stable
Diffusion 3 and 3.5, HiDream-I1, Wan 2.1 and 2.2. The file's extension says what is made: .png and .jpg a
picture, .mp4 and .gif a clip, .webp what the model is for. `zoetrope inspect DIR`
tells what a model does and needs.

The same flags and seed give the same bytes.

Examples:
  zoetrope generate --model FLUX.1-dev --prompt "a red fox in the snow" -o fox.png
  zoetrope generate --model FLUX.1-dev -p "the same in summer" --image fox.png -o summer.png
  zoetrope generate --model Wan2.1-T2V-14B-Diffusers -p "a cat walks" --frames 81 -o cat.mp4
  zoetrope generate --model FLUX.1-dev -p "a poster" --width 1280 --height 768 --count 4

Exit status: 0 fine, 1 failed, 2 wrong usage, 130 interrupted.)";

void add_sampling_flags(CLI::App& command, MakeFlags& flags) {
  const auto add = [&](const char* name, auto& target, const char* help, const char* type) {
    command.add_option(name, target, help)->type_name(type)->group("Sampling");
  };
  add("--width", flags.request.width, "Of what the model makes (default: the model's)", "PIXELS");
  add("--height", flags.request.height, "Likewise", "PIXELS");
  add("--frames", flags.request.num_frames, "Frames of a clip (default: the model's)", "N");
  add("--fps", flags.request.fps, "Frames a second (default: the model's)", "N");
  add("--steps", flags.request.steps, "Denoising steps (default: the model's)", "N");
  add("--guidance", flags.request.text_guidance,
      "How closely to follow the prompt (default: the model's)", "X");
  add("--negative-prompt", flags.request.negative_prompt, "What the result should not look like",
      "TEXT");
  add("--true-cfg-scale", flags.request.true_cfg_scale,
      "With a negative prompt, of models that have their guidance inside: over 1, two passes a "
      "step",
      "X");
  add("--strength", flags.request.strength,
      "With --image, for a picture: how much of it goes, 0 to 1 (default: 0.6)", "0..1");
}

bool is_picture(const engine::ModelDefaults& model, const std::string& extension) {
  if (extension == ".webp") return !model.makes_video;
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

}  // namespace

Command add_generate(CLI::App& root) {
  CLI::App* command = root.add_subcommand(
      "generate", "Make a picture or a clip from a text, with a model of yours");
  command->footer(kFooter);
  const auto flags = std::make_shared<MakeFlags>();
  command->add_option("-p,--prompt", flags->request.prompt, "What to show")
      ->type_name("TEXT")
      ->required();
  command->add_option("--image", flags->picture, "A picture to start from: PNG, JPEG, WebP or GIF")
      ->type_name("FILE");
  command
      ->add_option("-o,--out", flags->out,
                   "File to write: .png, .jpg, .webp, .mp4 or .gif (default: out.png)")
      ->type_name("FILE");
  add_result_flags(*command, *flags);
  add_sampling_flags(*command, *flags);
  add_model_flags(*command, flags->model);
  command->get_option("--model")->required();
  return {command, [flags] {
            const bool picture = !flags->picture.empty();
            return make_files(*flags, {.stem = "out",
                                       .formats = {"png", "jpg", "jpeg", "webp", "mp4", "gif"},
                                       .task = [picture](const engine::ModelDefaults& model,
                                                         const std::string& extension) {
                                         using engine::Task;
                                         if (is_picture(model, extension)) {
                                           return picture ? Task::kImageToImage
                                                          : Task::kTextToImage;
                                         }
                                         return picture ? Task::kImageToVideo : Task::kTextToVideo;
                                       }});
          }};
}

}  // namespace zoetrope::apps
