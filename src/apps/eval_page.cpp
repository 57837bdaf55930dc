// zoetrope eval page: the page on which people say which clip is better.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/eval.h"
#include "apps/exit_code.h"
#include "eval/page.h"
#include "weights/atomic_file.h"

namespace zoetrope::apps {
namespace {

struct Flags {
  eval::PageOptions page;
  std::vector<std::string> pair;
  std::string out = "page.html";
};

constexpr const char* kFooter = R"(
One HTML file that holds all its clips and needs no server: open it, or send it
to raters. It shows pairs side by side, in an order and on sides drawn from
--page-seed, and takes votes by key (1 or Left, 2 or Down, 3 or Right; U takes
one back). Votes stay in the browser until they are downloaded; `zoetrope eval
report` reads the files.

Example:
  zoetrope eval run run/data -o report -c student -c teacher:steps=32
  zoetrope eval page report --pair student teacher --limit 40 -o page.html)";

int run(Flags flags) {
  flags.page.a = flags.pair.front();
  flags.page.b = flags.pair.back();
  const auto page = eval::page_of_comparison(flags.page);
  if (!page.ok()) return fail(page.status(), Output::kText);
  const base::Status written = weights::write_file(flags.out, *page);
  if (!written.ok()) return fail(written, Output::kText);
  fmt::print("{}: {:.1f} MB\n", flags.out, static_cast<double>(page->size()) / 1e6);
  return kExitFine;
}

}  // namespace

Command add_eval_page(CLI::App& parent) {
  CLI::App* command =
      parent.add_subcommand("page", "Write a page for raters: clips side by side, blind");
  command->footer(kFooter);
  const auto flags = std::make_shared<Flags>();
  command->add_option("COMPARISON", flags->page.comparison, "Folder that `zoetrope eval run` wrote")
      ->required();
  command->add_option("--pair", flags->pair, "The two configurations to show")
      ->required()
      ->expected(2)
      ->type_name("A B");
  command->add_option("-o,--out", flags->out, "File to write")
      ->type_name("FILE")
      ->capture_default_str();
  command
      ->add_option("--limit", flags->page.limit,
                   "Pairs to show, spread over the clips (default: all)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command->add_option("--fps", flags->page.fps, "Frames a second")
      ->type_name("N")
      ->check(CLI::Range(1.0, 60.0))
      ->capture_default_str();
  command->add_option("--page-seed", flags->page.seed, "Seed of order and sides")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  return {command, [flags] { return run(*flags); }};
}

}  // namespace zoetrope::apps
