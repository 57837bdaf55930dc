#include "apps/model_folder.h"

#include <cstdlib>
#include <system_error>

namespace zoetrope::apps {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBundledModel = "animate";

bool is_model(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "model_index.json", ignored);
}

// The folder of the program and those above it, innermost first.
std::vector<fs::path> folders_above_program() {
  std::vector<fs::path> folders;
  for (fs::path at = program_folder(); !at.empty(); at = at.parent_path()) {
    folders.push_back(at);
    if (at == at.parent_path()) break;
  }
  return folders;
}

std::vector<fs::path> default_folders() {
  std::vector<fs::path> folders;
  if (const char* models = std::getenv("ZOETROPE_MODELS"); models != nullptr && *models != '\0') {
    folders.push_back(fs::path(models) / kBundledModel);
    return folders;  // said explicitly: looking elsewhere would hide a mistake
  }
  // Installed: PREFIX/bin and PREFIX/share/zoetrope/models. In the tree: build/PRESET/src/apps and
  // models at the root.
  const fs::path program = program_folder();
  if (!program.empty()) {
    folders.push_back(program.parent_path() / "share/zoetrope/models" / kBundledModel);
  }
  for (const fs::path& above : folders_above_program()) {
    folders.push_back(above / "models" / kBundledModel);
  }
  return folders;
}

}  // namespace

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path();
}

fs::path find_above_program(const fs::path& relative) {
  std::error_code ignored;
  for (const fs::path& above : folders_above_program()) {
    if (fs::exists(above / relative, ignored)) return above / relative;
  }
  return {};
}

base::Result<fs::path> find_model(const std::string& given) {
  if (!given.empty()) {
    std::error_code ignored;
    if (!fs::exists(given, ignored)) return base::not_found(given + ": no such model folder");
    if (!fs::is_directory(given, ignored)) {
      return base::invalid_argument(given + ": a model is a folder in the diffusers layout");
    }
    if (!is_model(given)) return base::not_found(given + ": no model_index.json in this folder");
    return fs::path(given);
  }
  const std::vector<fs::path> folders = default_folders();
  for (const fs::path& folder : folders) {
    if (is_model(folder)) return folder;
  }
  if (std::getenv("ZOETROPE_MODELS") != nullptr && !folders.empty()) {
    return base::not_found("no model in " + folders.front().string() +
                           " (from ZOETROPE_MODELS); name one with --model DIR");
  }
  return base::not_found("no model in any folder models/animate from " + program_folder().string() +
                         " upwards; name one with --model DIR or set ZOETROPE_MODELS");
}

}  // namespace zoetrope::apps
