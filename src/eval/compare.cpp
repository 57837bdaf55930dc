#include "eval/compare.h"

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "engine/boundary.h"
#include "eval/clip_index.h"
#include "eval/fingerprint.h"
#include "eval/report.h"
#include "eval/sheet.h"
#include "media/write_image.h"
#include "tensor/device.h"
#include "weights/atomic_file.h"

namespace zoetrope::eval {
namespace {

using base::Result;
using base::Status;

Result<size_t> find_reference(const CompareOptions& options) {
  if (options.reference.empty()) return size_t{0};
  for (size_t i = 0; i < options.configurations.size(); ++i) {
    if (options.configurations[i].name == options.reference) return i;
  }
  return base::invalid_argument("reference: no configuration is called '" + options.reference +
                                "'");
}

Status check(const CompareOptions& options) {
  if (std::set(options.seeds.begin(), options.seeds.end()).size() != options.seeds.size()) {
    return base::invalid_argument("seed: a seed is given twice");
  }
  for (const Configuration& configuration : options.configurations) {
    ZT_RETURN_IF_ERROR(check_configuration(configuration));
  }
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) return base::invalid_argument(options.out.string() + ": " + error.message());
  return weights::write_file(options.out / "report.txt", "not finished\n");
}

ClipIndex index_of(const EvalSet& set, const Comparison& comparison) {
  ClipIndex index{{}, comparison.seeds, {}};
  for (const MadeConfiguration& c : comparison.made) index.configurations.push_back(c.name);
  for (const EvalItem& item : set.items) {
    index.clips.push_back({item.number, item.caption, item.cluster});
  }
  return index;
}

Status write_results(const CompareOptions& options, const EvalSet& set,
                     const Comparison& comparison, const CompareResult& result) {
  ZT_RETURN_IF_ERROR(weights::write_file(options.out / "report.txt", result.table));
  ZT_RETURN_IF_ERROR(weights::write_file(
      options.out / "report.json",
      result.report.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"));
  if (options.sheet_clips == 0) return {};
  return media::write_image(options.out / "sheet.png",
                            comparison_sheet(set, comparison.made, options.seeds.size(),
                                             static_cast<size_t>(options.sheet_clips)));
}

Result<CompareResult> run(const CompareOptions& options, const base::ProgressSink& progress,
                          const base::CancelToken& cancel) {
  Comparison comparison{.data = options.data,
                        .configurations = options.configurations,
                        .made = {},
                        .reference = 0,
                        .seeds = options.seeds,
                        .feature_model = {},
                        .options = options.summary};
  ZT_ASSIGN_OR_RETURN(comparison.reference, find_reference(options));
  ZT_ASSIGN_OR_RETURN(const at::Device device, tensor::parse_device(options.engine.device));
  ZT_ASSIGN_OR_RETURN(const EvalSet set, open_eval_set(options.data, options.limit));
  ZT_ASSIGN_OR_RETURN(const ClipEncoder encoder, ClipEncoder::open(options.feature_model, device));
  ZT_ASSIGN_OR_RETURN(comparison.feature_model, folder_fingerprint(options.feature_model / "vae"));
  std::optional<Lpips> lpips;
  if (!options.lpips.empty()) {
    ZT_ASSIGN_OR_RETURN(lpips, Lpips::open(options.lpips, device));
  }
  ZT_RETURN_IF_ERROR(check(options));

  const ClipStore store(options.out / "clips");
  for (const Configuration& configuration : options.configurations) {
    ZT_ASSIGN_OR_RETURN(MadeClips made, make_clips(configuration, options.engine, set,
                                                   options.seeds, store, progress, cancel));
    comparison.made.push_back({configuration.name, std::move(made)});
  }
  ZT_RETURN_IF_ERROR(index_of(set, comparison).write(options.out));
  const Measurements measurements =
      measure(set, options.seeds, comparison.made, comparison.reference,
              {encoder, lpips ? &*lpips : nullptr}, progress, cancel);
  base::report(progress, "intervals", 0, 0);
  const Summary summary = summarise(set, measurements, comparison.reference, options.summary);
  CompareResult result{table(comparison, set, summary),
                       report_json(comparison, set, measurements, summary)};
  ZT_RETURN_IF_ERROR(write_results(options, set, comparison, result));
  return result;
}

}  // namespace

Result<CompareResult> compare(const CompareOptions& options, const base::ProgressSink& progress,
                              const base::CancelToken& cancel) {
  return engine::guarded([&] { return run(options, progress, cancel); });
}

}  // namespace zoetrope::eval
