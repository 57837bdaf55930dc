#include "eval/votes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.h"
#include "weights/json_config.h"

namespace zoetrope::eval {
namespace {

using base::Result;
using weights::JsonObject;

[[noreturn]] void refuse(const JsonObject& at, const std::string& what) {
  throw base::Error(base::data_loss(at.source() + ": " + what));
}

Trial trial_of(const JsonObject& json) {
  Trial trial;
  trial.a_left = json.require<bool>("a_left");
  trial.clip = json.require<int64_t>("clip");
  trial.seed = json.require<int64_t>("seed");
  trial.concept_id = json.require<int>("concept");
  return trial;
}

Choice choice_of(const JsonObject& file, const JsonObject& vote, size_t number) {
  const auto text = vote.require<std::string>("choice");
  if (text == "left") return Choice::kLeft;
  if (text == "same") return Choice::kSame;
  if (text == "right") return Choice::kRight;
  refuse(file, fmt::format("field 'votes[{}].choice' must be left, same or right", number));
}

VoteFile votes_of(const JsonObject& json) {
  if (json.require<int>("zoetrope_votes") != 1) {
    refuse(json, "field 'zoetrope_votes' must be 1: another version wrote this");
  }
  VoteFile file;
  file.page = json.require<std::string>("page");
  file.key = unseal(json.require<std::string>("seal"), json.source()).value_or_throw();
  const auto votes = json.require<std::vector<JsonObject>>("votes");
  std::set<int> seen;
  for (size_t i = 0; i < votes.size(); ++i) {
    const int trial = votes[i].require<int>("trial");
    if (trial < 0 || static_cast<size_t>(trial) >= file.key.trials.size()) {
      refuse(json, fmt::format("field 'votes[{}].trial' is not one of the page's {} pairs", i,
                               file.key.trials.size()));
    }
    if (!seen.insert(trial).second) {
      refuse(json, fmt::format("field 'votes[{}].trial' has been voted on before", i));
    }
    file.votes.push_back({trial, choice_of(json, votes[i], i)});
  }
  return file;
}

// 1 for a, 0 for b.
double worth(const Trial& trial, Choice choice) {
  if (choice == Choice::kSame) return 0.5;
  return (choice == Choice::kLeft) == trial.a_left ? 1 : 0;
}

}  // namespace

std::string seal(const PageKey& key) {
  nlohmann::json trials = nlohmann::json::array();
  for (const Trial& trial : key.trials) {
    trials.push_back({{"a_left", trial.a_left},
                      {"clip", trial.clip},
                      {"seed", trial.seed},
                      {"concept", trial.concept_id}});
  }
  const std::string text = nlohmann::json{{"a", key.a}, {"b", key.b}, {"trials", trials}}.dump();
  return base::to_base64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

Result<PageKey> unseal(std::string_view sealed, const std::string& source) {
  const auto text = base::from_base64(sealed);
  if (!text) return base::data_loss(source + ": field 'seal' is not what a page wrote");
  ZT_ASSIGN_OR_RETURN(const JsonObject json, JsonObject::parse(*text, source + ": field 'seal'"));
  try {
    PageKey key{json.require<std::string>("a"), json.require<std::string>("b"), {}};
    for (const JsonObject& trial : json.require<std::vector<JsonObject>>("trials")) {
      key.trials.push_back(trial_of(trial));
    }
    return key;
  } catch (const base::Error& error) {
    return error.status();
  }
}

Result<VoteFile> parse_votes(std::string_view text, const std::string& source) {
  ZT_ASSIGN_OR_RETURN(const JsonObject json, JsonObject::parse(text, source));
  try {
    return votes_of(json);
  } catch (const base::Error& error) {
    return error.status();
  }
}

Result<VoteFile> read_votes(const std::string& path) {
  ZT_ASSIGN_OR_RETURN(const JsonObject json, JsonObject::read(path));
  try {
    return votes_of(json);
  } catch (const base::Error& error) {
    return error.status();
  }
}

Result<Tally> tally(std::span<const VoteFile> files, std::span<const std::string> names,
                    int replicates, uint64_t seed) {
  Tally found;
  std::map<int, int> clusters;  // of concepts, numbered as they come
  std::vector<double> values;
  std::vector<int> cluster_of;
  for (size_t i = 0; i < files.size(); ++i) {
    const PageKey& key = files[i].key;
    if (i == 0) {
      found.a = key.a;
      found.b = key.b;
    } else if (key.a != found.a || key.b != found.b) {
      return base::invalid_argument(fmt::format("{}: compares {} with {}, {} compares {} with {}",
                                                names[i], key.a, key.b, names[0], found.a,
                                                found.b));
    }
    for (const Vote& vote : files[i].votes) {
      const Trial& trial = key.trials[vote.trial];
      const double value = worth(trial, vote.choice);
      ++(value == 1 ? found.a_better : value == 0 ? found.b_better : found.same);
      values.push_back(value);
      cluster_of.push_back(
          clusters.try_emplace(trial.concept_id, static_cast<int>(clusters.size())).first->second);
    }
    ++found.raters;
  }
  if (values.empty()) return base::invalid_argument("no votes in the files");
  const auto count = static_cast<int>(clusters.size());
  found.score =
      percentile(Bootstrap(count, replicates, seed).sample(ClusterMean(values, cluster_of, count)));
  return found;
}

Interval wilson(int64_t k, int64_t n) {
  if (n == 0) return {std::numeric_limits<double>::quiet_NaN(), 0, 1};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(k) / count;
  const double d = 1 + kZ * kZ / count;
  const double middle = (p + kZ * kZ / (2 * count)) / d;
  const double half = kZ / d * std::sqrt(p * (1 - p) / count + kZ * kZ / (4 * count * count));
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace zoetrope::eval
