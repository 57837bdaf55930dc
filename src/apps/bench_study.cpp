// What the measurements under `zoetrope bench` share.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "apps/bench.h"
#include "apps/exit_code.h"
#include "apps/interrupt.h"
#include "apps/model_folder.h"
#include "apps/progress_view.h"
#include "engine/boundary.h"
#include "media/image.h"
#include "tensor/device.h"
#include "weights/atomic_file.h"

namespace zoetrope::apps {
namespace {

base::Result<StudyTarget> open_target(const StudyFlags& flags) {
  StudyTarget target{.model = {}, .device = at::kCPU, .dtype = at::kFloat, .questions = {}};
  if (flags.needs_model) {
    ZT_ASSIGN_OR_RETURN(target.model, find_model(flags.model.model));
  }
  ZT_ASSIGN_OR_RETURN(target.device, tensor::parse_device(flags.model.device));
  target.dtype = tensor::default_dtype(target.device);
  if (flags.model.dtype != "auto") {
    ZT_ASSIGN_OR_RETURN(target.dtype, tensor::parse_dtype(flags.model.dtype));
  }
  for (const std::string& name : flags.pictures) {
    const std::filesystem::path path = name;
    ZT_ASSIGN_OR_RETURN(media::Image picture, media::read_png(path));
    target.questions.push_back({path.stem().string(), std::move(picture), path.stem().string()});
  }
  return target;
}

}  // namespace

void add_study_flags(CLI::App& command, StudyFlags& flags, StudyInputs inputs) {
  flags.needs_model = inputs == StudyInputs::kModelAndPictures;
  if (flags.needs_model) {
    command
        .add_option("PICTURES", flags.pictures,
                    "PNG files; the name of a file is its prompt (owl.png: \"owl\")")
        ->required();
  }
  command.add_option("-o,--out", flags.out, "Also write the figures into this JSON file")
      ->type_name("FILE");
  add_model_flags(command, flags.model);
  // A study takes what it takes, and says itself what is inexact.
  for (const char* name : {"--memory", "--precision", "--attention"}) {
    command.remove_option(command.get_option(name));
  }
  if (!flags.needs_model) command.remove_option(command.get_option("--model"));
}

int run_study(const StudyFlags& flags, const StudyBody& body) {
  const InterruptGuard interrupt;
  const auto target = open_target(flags);
  if (!target.ok()) return fail(target.status(), Output::kText);
  if (flags.model.threads > 0) at::set_num_threads(flags.model.threads);
  const auto done = engine::guarded([&] {
    const auto view = make_progress_view(ProgressStyle::kAuto);
    const c10::NoGradGuard no_gradients;
    const c10::DeviceGuard on_device(target->device);
    body(
        *target, [&](const base::Progress& p) { view->update(p); }, interrupt.token());
    view->finish("");
    return true;
  });
  return done.ok() ? kExitFine : fail(done.status(), Output::kText);
}

nlohmann::json describe_study(const StudyTarget& target) {
  nlohmann::json pictures = nlohmann::json::array();
  for (const bench::Question& question : target.questions) pictures.push_back(question.name);
  nlohmann::json facts = {{"date", fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)))},
                          {"device", tensor::describe_device(target.device)},
                          {"threads", at::get_num_threads()}};
  if (!target.model.empty()) facts["model"] = target.model.filename().string();
  if (!pictures.empty()) facts["pictures"] = pictures;
  return facts;
}

void write_study(const StudyFlags& flags, const nlohmann::json& report) {
  if (flags.out.empty()) return;
  const auto written = weights::write_file(flags.out, report.dump(1) + "\n");
  if (!written.ok()) throw base::Error(written);
}

}  // namespace zoetrope::apps
