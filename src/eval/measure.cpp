#include "eval/measure.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "eval/metrics.h"

namespace zoetrope::eval {
namespace {

// Added to both motions under the logarithm, so that a clip that stands still has a distance too.
constexpr double kLeastMotion = 1e-4;

// A clip with what the encoders see in it.
struct Seen {
  at::Tensor clip;
  EncodedClip encoded;
  std::vector<at::Tensor> lpips;
};

at::Tensor later(const at::Tensor& clip) { return clip.narrow(0, 1, clip.size(0) - 1); }

Seen look_at(const at::Tensor& clip, const MeasureTools& tools) {
  Seen seen{clip, tools.encoder.encode(clip), {}};
  if (tools.lpips != nullptr) seen.lpips = tools.lpips->features(later(clip));
  return seen;
}

void add_alone(const at::Tensor& clip, const at::Tensor& real, Row& row) {
  const double moved = motion(clip);
  row.figures["motion"] = moved;
  row.figures["motion_log_distance"] =
      std::abs(std::log((moved + kLeastMotion) / (motion(real) + kLeastMotion)));
  row.figures["jerk"] = jerk(clip);
  row.figures["flicker"] = flicker_share(clip);
  row.figures["sharpness"] = gradient_energy(clip) / std::max(1e-9, gradient_energy(real));
  row.figures["dirty_white"] = dirty_white(clip, real);
  row.figures["novel_colour"] = novel_colour(clip, real[0]);
  row.figures["first_frame_psnr"] = psnr(clip[0], real[0]);
  row.figures["truth_psnr"] = psnr(later(clip), later(real));
}

void add_beside(const Seen& seen, const Seen& reference, const MeasureTools& tools, Row& row) {
  row.figures["ref_psnr"] = psnr(later(seen.clip), later(reference.clip));
  row.figures["ref_ssim"] = ssim(later(seen.clip), later(reference.clip));
  row.figures["ref_perceptual"] = perceptual_distance(seen.encoded, reference.encoded);
  if (tools.lpips != nullptr) {
    row.figures["ref_lpips"] = tools.lpips->distance(seen.lpips, reference.lpips);
  }
}

class Measurer {
 public:
  Measurer(const EvalSet& set, const std::vector<uint64_t>& seeds,
           const std::vector<MadeConfiguration>& configurations, size_t reference,
           const MeasureTools& tools)
      : set_(set),
        seeds_(seeds),
        configurations_(configurations),
        reference_(reference),
        tools_(tools) {
    for (const MadeConfiguration& c : configurations) found_.sources.push_back({c.name, false, {}});
    for (const char* name : {kReal, kAutoencoder, kStill}) {
      found_.sources.push_back({name, true, {}});
    }
    found_.has_lpips = tools.lpips != nullptr;
  }

  void item(size_t i) {
    const at::Tensor& real = set_.items[i].frames;
    for (size_t s = 0; s < seeds_.size(); ++s) {
      const Seen reference = look_at(made(reference_, i, s).frames, tools_);
      for (size_t c = 0; c < configurations_.size(); ++c) {
        const StoredClip& clip = made(c, i, s);
        const Seen seen = c == reference_ ? reference : look_at(clip.frames, tools_);
        Row& row = add_row(found_.sources[c], i, s, seen, real);
        row.figures["own_first_frame_psnr"] = psnr(clip.own_first_frame, real[0]);
        if (c != reference_) add_beside(seen, reference, tools_, row);
      }
      if (s == 0) baselines(i, reference);
    }
  }

  void others(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& clip : set_.others) {
      cancel.check();
      rows.push_back(motion_and_appearance(tools_.encoder.encode(clip).latents));
      base::report(progress, "features", static_cast<int64_t>(rows.size()),
                   static_cast<int64_t>(set_.others.size()));
    }
    if (!rows.empty()) found_.others = at::stack(rows);
  }

  Measurements take() { return std::move(found_); }

 private:
  const StoredClip& made(size_t configuration, size_t item, size_t seed) const {
    return configurations_[configuration].made.clips[item * seeds_.size() + seed];
  }

  Row& add_row(Source& source, size_t item, size_t seed, const Seen& seen,
               const at::Tensor& real) const {
    Row& row = source.rows.emplace_back(Row{item, seeds_[seed], {}, {}});
    row.features = motion_and_appearance(seen.encoded.latents);
    add_alone(seen.clip, real, row);
    return row;
  }

  void baselines(size_t item, const Seen& reference) {
    const at::Tensor& real = set_.items[item].frames;
    const Seen seen = look_at(real, tools_);
    const at::Tensor still = real.narrow(0, 0, 1).expand_as(real).contiguous();
    const std::array clips = {seen, look_at(tools_.encoder.decode(seen.encoded.latents), tools_),
                              look_at(still, tools_)};
    for (size_t b = 0; b < clips.size(); ++b) {
      Source& source = found_.sources[configurations_.size() + b];
      add_beside(clips[b], reference, tools_, add_row(source, item, 0, clips[b], real));
    }
  }

  const EvalSet& set_;
  const std::vector<uint64_t>& seeds_;
  const std::vector<MadeConfiguration>& configurations_;
  const size_t reference_;
  const MeasureTools& tools_;
  Measurements found_;
};

}  // namespace

Measurements measure(const EvalSet& set, const std::vector<uint64_t>& seeds,
                     const std::vector<MadeConfiguration>& configurations, size_t reference,
                     const MeasureTools& tools, const base::ProgressSink& progress,
                     const base::CancelToken& cancel) {
  Measurer measurer(set, seeds, configurations, reference, tools);
  for (size_t i = 0; i < set.items.size(); ++i) {
    cancel.check();
    measurer.item(i);
    base::report(progress, "measure", static_cast<int64_t>(i + 1),
                 static_cast<int64_t>(set.items.size()));
  }
  measurer.others(progress, cancel);
  return measurer.take();
}

}  // namespace zoetrope::eval
