#include "eval/eval_set.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "train/training_data.h"

namespace zoetrope::eval {
namespace {

constexpr int64_t kMostOthers = 256;  // enough for 32 components, half a minute on two cores

// Clip numbers in an order whose every beginning is a fair choice: the first clip of each concept,
// then the second, and so on; which clip is a concept's first moves on from concept to concept, so
// that skin tones alternate.
std::vector<std::vector<int64_t>> rounds(const std::vector<int64_t>& clips,
                                         const std::vector<int64_t>& concept_of) {
  std::map<int64_t, std::vector<int64_t>> by_concept;
  for (const int64_t clip : clips) by_concept[concept_of[clip]].push_back(clip);
  std::vector<std::vector<int64_t>> found;
  size_t turn = 0;
  for (auto& [unused, members] : by_concept) {
    // Not std::ranges::rotate: clang 14, which checks this code, cannot compile libstdc++ 12's.
    std::rotate(members.begin(), members.begin() + static_cast<int64_t>(turn++ % members.size()),
                members.end());
    if (found.size() < members.size()) found.resize(members.size());
    for (size_t i = 0; i < members.size(); ++i) found[i].push_back(members[i]);
  }
  return found;
}

// `count` of them, evenly.
std::vector<int64_t> spread(const std::vector<int64_t>& from, int64_t count) {
  std::vector<int64_t> chosen;
  const auto size = static_cast<int64_t>(from.size());
  for (int64_t i = 0; i < count; ++i) chosen.push_back(from[i * size / count]);
  return chosen;
}

std::vector<int64_t> choose(const train::TrainingData& data, const std::vector<int64_t>& clips,
                            int64_t limit) {
  if (limit <= 0 || limit >= static_cast<int64_t>(clips.size())) return clips;
  std::vector<int64_t> chosen;
  for (const std::vector<int64_t>& round : rounds(clips, data.concept_of)) {
    const int64_t room = limit - static_cast<int64_t>(chosen.size());
    const int64_t take = std::min(room, static_cast<int64_t>(round.size()));
    const std::vector<int64_t> some = spread(round, take);
    chosen.insert(chosen.end(), some.begin(), some.end());
  }
  std::ranges::sort(chosen);
  return chosen;
}

}  // namespace

base::Result<EvalSet> open_eval_set(const std::string& folder, int64_t limit) {
  ZT_ASSIGN_OR_RETURN(const train::TrainingData data, train::TrainingData::open(folder));
  EvalSet set;
  set.held_out = !data.held_out_clips.empty();
  const std::vector<int64_t>& clips = set.held_out ? data.held_out_clips : data.train_clips;
  std::map<int64_t, int> clusters;
  for (const int64_t clip : choose(data, clips, limit)) {
    const int cluster =
        clusters.try_emplace(data.concept_of[clip], static_cast<int>(clusters.size()))
            .first->second;
    set.items.push_back({clip, data.captions[clip], cluster, data.clips[clip]});
  }
  set.clusters = static_cast<int>(clusters.size());
  if (set.held_out) {
    const auto count = std::min(kMostOthers, static_cast<int64_t>(data.train_clips.size()));
    for (const int64_t clip : spread(data.train_clips, count)) {
      set.others.push_back(data.clips[clip]);
    }
  }
  return set;
}

}  // namespace zoetrope::eval
