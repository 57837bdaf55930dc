#include "train/captions.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "weights/json_config.h"

namespace zoetrope::train {
namespace {

constexpr size_t kMaxLineBytes = 1 << 20;

base::Result<Caption> parse_line(const std::string& line, const std::string& source,
                                 bool with_file) {
  ZT_ASSIGN_OR_RETURN(const auto json, weights::JsonObject::parse(line, source));
  try {
    Caption caption;
    caption.text = json.require<std::string>("caption");
    caption.keywords = json.get<std::vector<std::string>>("keywords", {});
    if (with_file) caption.file = json.require<std::string>("file");
    return caption;
  } catch (const base::Error& error) {
    return error.status();
  }
}

base::Result<std::vector<Caption>> read_file(const std::string& path, bool with_file) {
  std::ifstream file(path);
  if (!file) return base::not_found(path + ": cannot be read");
  std::vector<Caption> captions;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::string source = path + ":" + std::to_string(number);
    if (line.size() > kMaxLineBytes) return base::data_loss(source + ": line too long");
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ZT_ASSIGN_OR_RETURN(Caption caption, parse_line(line, source, with_file));
    captions.push_back(std::move(caption));
  }
  if (captions.empty()) return base::invalid_argument(path + ": no captions");
  return captions;
}

}  // namespace

base::Result<Captions> read_captions(const std::string& folder) {
  Captions captions;
  captions.sticker_pack = std::filesystem::exists(folder + "/animations.jsonl");
  if (captions.sticker_pack) {
    ZT_ASSIGN_OR_RETURN(captions.clips, read_file(folder + "/animations.jsonl", false));
    ZT_ASSIGN_OR_RETURN(captions.stills, read_file(folder + "/stills.jsonl", false));
    return captions;
  }
  if (!std::filesystem::exists(folder + "/captions.jsonl")) {
    return base::not_found(folder + ": neither animations.jsonl nor captions.jsonl is there");
  }
  ZT_ASSIGN_OR_RETURN(captions.clips, read_file(folder + "/captions.jsonl", true));
  return captions;
}

}  // namespace zoetrope::train
