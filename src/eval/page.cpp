#include "eval/page.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/base64.h"
#include "base/philox.h"
#include "eval/clip_index.h"
#include "eval/clip_store.h"
#include "eval/fingerprint.h"
#include "eval/page_template.h"
#include "eval/votes.h"
#include "media/write_image.h"
#include "pipeline/picture.h"

namespace zoetrope::eval {
namespace {

using base::Result;

constexpr std::string_view kPlaceholder = "@ZOETROPE_PAGE_DATA@";

enum Stream : uint64_t { kOrder = 1, kSides = 2 };

std::vector<size_t> shuffled(size_t count, uint64_t seed) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i-- > 1;) {
    const double at = base::uniform_at(seed, kOrder, i) * static_cast<double>(i + 1);
    std::swap(order[i], order[static_cast<size_t>(at)]);
  }
  return order;
}

Result<std::string> data_url(const at::Tensor& picture) {
  ZT_ASSIGN_OR_RETURN(const auto bytes,
                      media::encode_image(pipeline::to_image(picture), media::ImageFormat::kWebp));
  return "data:image/webp;base64," + base::to_base64(bytes);
}

// Frames on a grid, row by row; the last row is filled with white.
at::Tensor strip(const at::Tensor& clip, int64_t columns, int64_t rows) {
  const int64_t h = clip.size(1), w = clip.size(2);
  at::Tensor cells = at::full({rows * columns, h, w, 3}, 255, at::kByte);
  cells.narrow(0, 0, clip.size(0)).copy_(clip);
  return cells.view({rows, columns, h, w, 3})
      .permute({0, 2, 1, 3, 4})
      .reshape({rows * h, columns * w, 3});
}

// JSON inside a <script>: nothing may close it.
std::string script_safe(std::string json) {
  for (size_t at = 0; (at = json.find('<', at)) != json.npos; at += 6) {
    json.replace(at, 1, "\\u003c");
  }
  return json;
}

std::string filled_template(const nlohmann::json& data) {
  std::string page(kPageTemplate);
  page.replace(page.find(kPlaceholder), kPlaceholder.size(),
               script_safe(data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return page;
}

}  // namespace

Result<std::string> make_page(const std::string& a, const std::string& b,
                              const std::vector<PagePair>& pairs, double fps, uint64_t seed) {
  if (pairs.empty()) return base::invalid_argument("no pair of clips to show");
  const at::Tensor& first = pairs.front().a;
  const int64_t frames = first.size(0);
  int64_t columns = 1;
  while (columns * columns < frames) ++columns;
  const int64_t rows = (frames + columns - 1) / columns;

  PageKey key{a, b, {}};
  nlohmann::json trials = nlohmann::json::array();
  for (const size_t i : shuffled(pairs.size(), seed)) {
    const PagePair& pair = pairs[i];
    if (pair.a.sizes() != first.sizes() || pair.b.sizes() != first.sizes()) {
      return base::invalid_argument(
          fmt::format("clip {}: its frames have another shape than the first pair's", pair.clip));
    }
    const bool a_left = base::uniform_at(seed, kSides, key.trials.size()) < 0.5;
    ZT_ASSIGN_OR_RETURN(const std::string picture, data_url(pair.a[0]));
    ZT_ASSIGN_OR_RETURN(const std::string of_a, data_url(strip(pair.a, columns, rows)));
    ZT_ASSIGN_OR_RETURN(const std::string of_b, data_url(strip(pair.b, columns, rows)));
    trials.push_back({{"prompt", pair.prompt},
                      {"picture", picture},
                      {"left", a_left ? of_a : of_b},
                      {"right", a_left ? of_b : of_a}});
    key.trials.push_back({a_left, pair.clip, static_cast<int64_t>(pair.seed), pair.concept_id});
  }
  const std::string sealed = seal(key);
  Fingerprint id;
  id.add(sealed);
  return filled_template({{"page", id.text()},
                          {"seal", sealed},
                          {"fps", fps},
                          {"frames", frames},
                          {"columns", columns},
                          {"rows", rows},
                          {"size", {first.size(2), first.size(1)}},
                          {"trials", trials}});
}

Result<std::string> page_of_comparison(const PageOptions& options) {
  ZT_ASSIGN_OR_RETURN(const ClipIndex index, ClipIndex::read(options.comparison));
  for (const std::string& name : {options.a, options.b}) {
    if (std::ranges::find(index.configurations, name) == index.configurations.end()) {
      return base::invalid_argument(
          fmt::format("pair: {} has no configuration '{}'", options.comparison.string(), name));
    }
  }
  if (options.a == options.b) return base::invalid_argument("pair: two configurations expected");
  const auto total = static_cast<int64_t>(index.clips.size());
  const int64_t count = options.limit > 0 ? std::min(options.limit, total) : total;
  const ClipStore store(options.comparison / "clips");
  std::vector<PagePair> pairs;
  for (int64_t i = 0; i < count; ++i) {
    const ClipIndex::Clip& clip = index.clips[i * total / count];
    const uint64_t seed = index.seeds.front();
    ZT_ASSIGN_OR_RETURN(StoredClip a, store.read(store.path(options.a, clip.number, seed)));
    ZT_ASSIGN_OR_RETURN(StoredClip b, store.read(store.path(options.b, clip.number, seed)));
    pairs.push_back(
        {clip.caption, clip.number, seed, clip.cluster, std::move(a.frames), std::move(b.frames)});
  }
  return make_page(options.a, options.b, pairs, options.fps, options.seed);
}

}  // namespace zoetrope::eval
