// What `animate` and `generate` share: from flags to requests, their results to files.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "apps/flags.h"
#include "engine/api/engine.h"

namespace CLI {
class App;
}

namespace zoetrope::apps {

struct MakeFlags {
  std::string picture;  // a path; empty: none
  std::string out;
  std::string format;
  std::vector<uint64_t> seeds = {0};
  int count = 1;
  ModelFlags model;
  engine::Request request;  // all but the task, the picture and the seed
  std::string latents, dump;
  bool json = false, quiet = false, preview = false;
};

// --seed, --count, --size, --fps, --json, ...
void add_result_flags(CLI::App& command, MakeFlags& flags);

struct MakeOptions {
  std::string stem;                  // of the file's name where the user gives none
  std::vector<std::string> formats;  // that may be asked for, the usual one first
  // Of the extension asked for (".mp4"), once the model is known.
  std::function<engine::Task(const engine::ModelDefaults&, const std::string& extension)> task;
};

// Makes a file for every seed; returns the exit code.
int make_files(const MakeFlags& flags, const MakeOptions& options);

}  // namespace zoetrope::apps
