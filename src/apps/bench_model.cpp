// zoetrope bench model: one pass of a full-size network, and where its time goes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench.h"
#include "apps/model_folder.h"
#include "bench/ceilings.h"
#include "bench/model_study.h"
#include "bench/peer.h"
#include "media/write_image.h"
#include "ops/attention.h"
#include "tensor/device.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  StudyFlags study;
  std::vector<std::string> cases;
  std::string plot;  // folder; empty: none
  std::string weights = "plain";
  std::string attention = "exact";
  std::string against;  // empty: nobody
  std::vector<std::string> modes = {"eager", "cudnn"};
  bool exact = false;
  int runs = 5;
};

constexpr const char* kFooter = R"(
CASE: a JSON file of bench/models, which says configuration and shapes; the weights
are random, so no checkpoint is needed. Every operation stands beside the least time
that the device's measured ceilings (a copy, a matrix product) allow it; "outside"
is what no ladder chose. --against diffusers draws the same weights and inputs in
Python (python3 of PATH, with diffusers and the same PyTorch), and says besides how
far the two results are apart. Its modes: eager; cudnn, with cuDNN's attention;
compiled, with compiled blocks too; fp8, with dynamic fp8 linears besides.)";

template <class Choice>
std::map<std::string, Choice> by_name(std::initializer_list<Choice> choices) {
  std::map<std::string, Choice> named;
  for (const Choice choice : choices) named.emplace(to_string(choice), choice);
  return named;
}

const auto kFormats = by_name({tensor::WeightFormat::kPlain, tensor::WeightFormat::kFp8,
                               tensor::WeightFormat::kInt8, tensor::WeightFormat::kInt4});
const auto kPrecisions = by_name({ops::AttentionPrecision::kExact, ops::AttentionPrecision::kFp8});

constexpr const char* kPeer = "bench/peers/diffusers_model.py";
constexpr double kTera = 1e12;

nlohmann::json to_json(const bench::ModelTimes& times, const bench::Ceilings& ceilings) {
  nlohmann::json ops = nlohmann::json::array();
  for (const ops::OpCost& cost : times.costs) {
    ops.push_back({{"op", cost.op},
                   {"variant", cost.variant},
                   {"shape", cost.shape},
                   {"calls", cost.calls},
                   {"seconds", cost.seconds},
                   {"floor_seconds", bench::floor_seconds(cost, ceilings)},
                   {"flops", cost.work.flops},
                   {"bytes", cost.work.bytes}});
  }
  return {{"eager_seconds", times.eager_seconds},
          {"recorded_seconds", times.recorded_seconds},
          {"first_seconds", times.first_seconds},
          {"finite", times.finite},
          {"recorded_equals_eager", times.same_bytes},
          {"weight_bytes", times.weight_bytes},
          {"peak_bytes", times.peak_bytes},
          {"operations", ops}};
}

void print(const bench::ModelTimes& times, const bench::Ceilings& ceilings) {
  constexpr size_t kMostLines = 16;
  double inside = 0, floor = 0;
  fmt::print("  {:<20} {:<7} {:<38} {:>5} {:>9} {:>9} {:>7}\n", "operation", "variant", "shapes",
             "calls", "ms", "TFLOP/s", "of best");
  for (size_t i = 0; i < times.costs.size(); ++i) {
    const ops::OpCost& cost = times.costs[i];
    const double least = bench::floor_seconds(cost, ceilings);
    inside += cost.seconds;
    floor += least;
    if (i >= kMostLines) continue;
    fmt::print("  {:<20} {:<7} {:<38} {:>5} {:>9.3f} {:>9.1f} {:>6.0f}%\n", cost.op, cost.variant,
               cost.shape, cost.calls, 1e3 * cost.seconds, cost.work.flops / cost.seconds / kTera,
               100 * least / cost.seconds);
  }
  fmt::print("  {:<20} {:>62.3f}\n", "outside", 1e3 * (times.eager_seconds - inside));
  fmt::print("  eager {:.2f} ms, recorded {:.2f} ms (first use {:.2f} s), least {:.2f} ms\n",
             1e3 * times.eager_seconds, 1e3 * times.recorded_seconds, times.first_seconds,
             1e3 * floor);
  fmt::print("  weights {} MiB, peak {} MiB; result {}{}\n", times.weight_bytes >> 20,
             times.peak_bytes >> 20, times.finite ? "finite" : "NOT FINITE",
             times.same_bytes ? "" : ", RECORDED PASS DIFFERS");
}

void print(const nlohmann::json& peer) {
  for (const auto& [key, value] : peer.items()) {
    if (key.ends_with("_total_seconds") || !key.ends_with("_seconds")) continue;
    fmt::print("  diffusers, {} {:.2f} ms\n", key.substr(0, key.rfind('_')),
               1e3 * value.get<double>());
  }
  for (const auto& [key, value] : peer.items()) {
    if (key.ends_with("_error")) {
      fmt::print("  diffusers, {}: {}\n", key.substr(0, key.rfind('_')), value.get<std::string>());
    }
  }
  fmt::print("  relative difference of the results {:.2e}\n", peer.at("difference").get<double>());
  if (peer.contains("distance")) {
    fmt::print("  from the result in fp32: ours {:.2e}, diffusers' {:.2e}\n",
               peer.at("distance").get<double>(), peer.at("peer_distance").get<double>());
  }
}

// Nothing: none was asked for.
std::optional<bench::PeerOptions> peer_of(const Flags& flags, const StudyTarget& target) {
  if (flags.against.empty()) return std::nullopt;
  const std::filesystem::path script = find_above_program(kPeer);
  if (script.empty()) {
    throw base::Error(base::not_found(fmt::format(
        "--against: {} is not above this program; run one that was built in a clone", kPeer)));
  }
  return bench::PeerOptions{.script = script,
                            .modes = fmt::format("{}", fmt::join(flags.modes, ",")),
                            .device = target.device.is_cuda() ? "cuda" : "cpu",
                            .dtype = tensor::dtype_name(target.dtype),
                            .runs = flags.runs,
                            .exact = flags.exact};
}

void run(const Flags& flags, const StudyTarget& target, const base::ProgressSink& progress,
         const base::CancelToken& cancel) {
  const bench::Ceilings ceilings = bench::measure_ceilings(target.device, target.dtype);
  nlohmann::json report = describe_study(target);
  report["ceilings"] = {{"copy_bytes_per_second", ceilings.copy_bytes_per_second},
                        {"flops_per_second", ceilings.flops_per_second},
                        {"fp8_flops_per_second", ceilings.fp8_flops_per_second}};
  fmt::print("ceilings: copy {:.2f} TB/s, matrix product {:.0f} TFLOP/s, fp8 {:.0f}\n",
             ceilings.copy_bytes_per_second / kTera, ceilings.flops_per_second / kTera,
             ceilings.fp8_flops_per_second / kTera);
  const auto peer = peer_of(flags, target);
  const ops::AttentionScope scope(kPrecisions.at(flags.attention));
  for (const std::string& path : flags.cases) {
    const bench::ModelCase model = bench::ModelCase::read(path);
    fmt::print("{}\n", model.name);
    const bench::ModelTimes times =
        bench::study_model(model, target.dtype, kFormats.at(flags.weights), target.device,
                           flags.runs, progress, cancel);
    print(times, ceilings);
    const std::string stem = std::filesystem::path(path).stem().string();
    report["cases"][stem] = to_json(times, ceilings);
    write_study(flags.study, report);  // what is there counts if anything later fails
    if (!flags.plot.empty()) {
      const auto written = media::write_image(std::filesystem::path(flags.plot) / (stem + ".png"),
                                              bench::roofline(times, ceilings, model.name));
      if (!written.ok()) throw base::Error(written);
    }
    if (!peer) continue;
    base::report(progress, flags.against, 0, 1);
    const nlohmann::json theirs = bench::run_peer(path, times.result, *peer, cancel);
    base::report(progress, flags.against, 1, 1);
    print(theirs.at("cases").at(stem));
    report["peer"].merge_patch(theirs);
    write_study(flags.study, report);
  }
}

}  // namespace

Command add_bench_model(CLI::App& bench) {
  CLI::App* command =
      bench.add_subcommand("model", "One pass of a full-size network, by operation");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("CASE", flags->cases, "JSON files")->required()->check(CLI::ExistingFile);
  add_study_flags(*command, flags->study, StudyInputs::kNone);
  command->add_option("--attention", flags->attention, "How long self-attention multiplies")
      ->check(CLI::IsMember({"exact", "fp8"}))
      ->capture_default_str();
  command->add_option("--against", flags->against, "Also measure this peer on the same weights")
      ->check(CLI::IsMember({"diffusers"}));
  command->add_option("--modes", flags->modes, "How the peer runs")
      ->needs("--against")
      ->delimiter(',')
      ->check(CLI::IsMember({"eager", "cudnn", "compiled", "fp8"}))
      ->capture_default_str();
  command
      ->add_flag("--exact", flags->exact,
                 "Also let the peer do a pass in fp32, and say how far both results are from it")
      ->needs("--against");
  command->add_option("--plot", flags->plot, "Also write a roofline of each case into this folder")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
  std::vector<std::string> formats;
  formats.reserve(std::size(kFormats));
  for (const auto& [name, format] : kFormats) formats.push_back(name);
  command->add_option("--weights", flags->weights, "How a denoiser's blocks hold their weights")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  command->add_option("--runs", flags->runs, "Passes to time, after one that is not counted")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  return {command, [flags] {
            return run_study(flags->study,
                             [&](const StudyTarget& target, const auto& progress,
                                 const auto& cancel) { run(*flags, target, progress, cancel); });
          }};
}

}  // namespace zoetrope::apps
