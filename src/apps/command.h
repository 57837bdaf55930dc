// A subcommand of the zoetrope binary: its place in the tree of flags, and what it does.
//
// One file a subcommand. `add_x` declares the flags on the tree; `run` is called after parsing, by
// main, on the main thread, and returns the exit code (exit_code.h).
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace zoetrope::apps {

struct Command {
  CLI::App* flags;  // owned by the tree
  std::function<int()> run;
};

Command add_animate(CLI::App& root);
Command add_bench(CLI::App& root);
Command add_completion(CLI::App& root);
Command add_doctor(CLI::App& root);
Command add_eval(CLI::App& root);
Command add_generate(CLI::App& root);
Command add_inspect(CLI::App& root);
Command add_key(CLI::App& root);
Command add_serve(CLI::App& root);
Command add_train(CLI::App& root);
Command add_version(CLI::App& root);

}  // namespace zoetrope::apps
