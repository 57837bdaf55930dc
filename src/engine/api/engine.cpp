#include "engine/api/engine.h"

#include <utility>

namespace zoetrope::engine {

base::Status Engine::generate_each(const Request& request, std::span<const uint64_t> seeds,
                                   const Watch& watch, const Take& take) {
  const auto count = static_cast<int64_t>(seeds.size());
  Request one = request;
  for (int64_t i = 0; i < count; ++i) {
    one.seed = seeds[static_cast<size_t>(i)];
    Watch part = watch;
    part.progress = [&watch, i, count](const base::Progress& p) {
      base::report(watch.progress, p.stage, i * p.of + p.step, count * p.of);
    };
    ZT_ASSIGN_OR_RETURN(ClipResult clip, generate(one, part));
    ZT_RETURN_IF_ERROR(take(std::move(clip)));
  }
  return {};
}

}  // namespace zoetrope::engine
