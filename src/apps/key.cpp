// zoetrope key: makes an API key for `zoetrope serve --keys`.
#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>

#include "apps/command.h"
#include "apps/exit_code.h"
#include "http/key_store.h"

namespace zoetrope::apps {
namespace {

constexpr const char* kFooter = R"(
The line for the keys file goes to stdout, the key itself to stderr, once: the
file holds its hash alone. Two numbers may be added to the line, separated by
colons: the requests a minute, and the jobs at one time, that the key may make.

Example:
  zoetrope key anna >> keys

Exit status: 0 fine, 1 failed, 2 wrong usage.)";

int run(const std::string& name) {
  const std::string key = http::make_key();
  const auto line = http::key_line(name, key);
  if (!line.ok()) return fail_usage(line.status(), Output::kText);
  std::fprintf(stderr, "The key of %s (shown only now): %s\n", name.c_str(), key.c_str());
  std::printf("%s\n", line->c_str());
  return kExitFine;
}

}  // namespace

Command add_key(CLI::App& root) {
  CLI::App* command = root.add_subcommand("key", "Make an API key for serve");
  command->footer(kFooter);
  const auto name = std::make_shared<std::string>();
  command->add_option("NAME", *name, "Whose key it is; owns the jobs made with it")->required();
  return {command, [name] { return run(*name); }};
}

}  // namespace zoetrope::apps
