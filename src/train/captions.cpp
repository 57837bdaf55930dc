#include "train/captions.h"

#include <filesystem>

#include "weights/json_lines.h"

namespace zoetrope::train {
namespace {

base::Result<std::vector<Caption>> read_file(const std::string& path, bool with_file) {
  ZT_ASSIGN_OR_RETURN(const auto lines, weights::read_json_lines(path));
  std::vector<Caption> captions;
  try {
    for (const weights::JsonObject& line : lines) {
      Caption caption;
      caption.text = line.require<std::string>("caption");
      caption.keywords = line.get<std::vector<std::string>>("keywords", {});
      if (with_file) caption.file = line.require<std::string>("file");
      captions.push_back(std::move(caption));
    }
  } catch (const base::Error& error) {
    return error.status();
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
