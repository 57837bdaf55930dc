// zoetrope eval report: what raters voted.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/eval.h"
#include "apps/exit_code.h"
#include "apps/json_output.h"
#include "eval/votes.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  std::vector<std::string> files;
  int replicates = 2000;
  uint64_t seed = 0;
  bool json = false;

  Output output() const { return json ? Output::kJson : Output::kText; }
};

constexpr const char* kFooter = R"(
Opens the seal that each file carries from its page, counts the votes of all
files together, and shows the share of each answer with Wilson's 95 % interval,
the share of wins among the votes that chose a side, and the mean score (better
1, the same 1/2, worse 0) with an interval that draws whole concepts.

Example:
  zoetrope eval report votes-ada.json votes-bob.json)";

nlohmann::json interval_json(const eval::Interval& i) {
  return {{"value", i.value}, {"low", i.low}, {"high", i.high}};
}

nlohmann::json describe(const eval::Tally& t) {
  const auto share = [&](int64_t k) {
    nlohmann::json json = interval_json(eval::wilson(k, t.votes()));
    json["votes"] = k;
    return json;
  };
  return {{"a", t.a},
          {"b", t.b},
          {"files", t.raters},
          {"votes", t.votes()},
          {"a_better", share(t.a_better)},
          {"same", share(t.same)},
          {"b_better", share(t.b_better)},
          {"a_wins_of_decided", interval_json(eval::wilson(t.a_better, t.decided()))},
          {"score", interval_json(t.score)}};
}

std::string verdict(const eval::Tally& t) {
  const eval::Interval wins = eval::wilson(t.a_better, t.decided());
  if (wins.low > 0.5) return t.a + " is better";
  if (wins.high < 0.5) return t.b + " is better";
  return "no clear difference";
}

void print(const eval::Tally& t) {
  const auto line = [](const std::string& name, int64_t k, int64_t n) {
    const eval::Interval i = eval::wilson(k, n);
    fmt::print("  {:<48} {:>5}  {:5.1f} %  [{:.1f}, {:.1f}]\n", name, k, 100 * i.value, 100 * i.low,
               100 * i.high);
  };
  fmt::print("{} against {}: {} votes in {} file{}\n", t.a, t.b, t.votes(), t.raters,
             t.raters == 1 ? "" : "s");
  line(t.a + " is better", t.a_better, t.votes());
  line("the same", t.same, t.votes());
  line(t.b + " is better", t.b_better, t.votes());
  if (t.decided() > 0) line(t.a + " among votes for a side", t.a_better, t.decided());
  fmt::print("  {:<48} {:>5}  {:5.3f}    [{:.3f}, {:.3f}]\n",
             "score of " + t.a + ", concepts drawn", "", t.score.value, t.score.low, t.score.high);
  fmt::print("{}\n", verdict(t));
}

base::Result<eval::Tally> count(const Flags& flags) {
  std::vector<eval::VoteFile> files;
  for (const std::string& path : flags.files) {
    ZT_ASSIGN_OR_RETURN(eval::VoteFile file, eval::read_votes(path));
    files.push_back(std::move(file));
  }
  return eval::tally(files, flags.files, flags.replicates, flags.seed);
}

int run(const Flags& flags) {
  const auto tally = count(flags);
  if (!tally.ok()) return fail(tally.status(), flags.output());
  if (flags.json) {
    print_json(describe(*tally));
  } else {
    print(*tally);
  }
  return kExitFine;
}

}  // namespace

Command add_eval_report(CLI::App& parent) {
  CLI::App* command = parent.add_subcommand("report", "Count the votes that raters sent back");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("VOTES", flags->files, "Files downloaded from a page")->required();
  command->add_option("--replicates", flags->replicates, "Samples drawn for the score's interval")
      ->type_name("N")
      ->check(CLI::Range(100, 100000))
      ->capture_default_str();
  command->add_option("--bootstrap-seed", flags->seed, "Seed of those samples")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object on stdout");
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps
