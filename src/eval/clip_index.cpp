#include "eval/clip_index.h"

#include <nlohmann/json.hpp>

#include "weights/atomic_file.h"
#include "weights/json_config.h"

namespace zoetrope::eval {
namespace {

std::string path_in(const std::filesystem::path& folder) {
  return (folder / "clips/index.json").string();
}

}  // namespace

base::Result<ClipIndex> ClipIndex::read(const std::filesystem::path& folder) {
  ZT_ASSIGN_OR_RETURN(const auto json, weights::JsonObject::read(path_in(folder)));
  try {
    ClipIndex index;
    index.configurations = json.require<std::vector<std::string>>("configurations");
    for (const int64_t seed : json.require<std::vector<int64_t>>("seeds")) {
      index.seeds.push_back(static_cast<uint64_t>(seed));
    }
    for (const weights::JsonObject& clip :
         json.require<std::vector<weights::JsonObject>>("clips")) {
      index.clips.push_back({clip.require<int64_t>("number"), clip.require<std::string>("caption"),
                             clip.require<int>("concept")});
    }
    if (index.seeds.empty() || index.clips.empty()) {
      return base::data_loss(path_in(folder) + ": no clips");
    }
    return index;
  } catch (const base::Error& error) {
    return error.status();
  }
}

base::Status ClipIndex::write(const std::filesystem::path& folder) const {
  nlohmann::json list = nlohmann::json::array();
  for (const Clip& clip : clips) {
    list.push_back({{"number", clip.number}, {"caption", clip.caption}, {"concept", clip.cluster}});
  }
  const nlohmann::json json = {
      {"configurations", configurations}, {"seeds", seeds}, {"clips", list}};
  return weights::write_file(
      path_in(folder), json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace zoetrope::eval
