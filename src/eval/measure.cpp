#include "eval/measure.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "eval/metrics.h"

namespace zoetrope::eval {
namespace {

// Added to both motions under the logarithm, so that a clip that stands still has a distance too.
constexpr double kLeastMotion = 1e-4;

at::Tensor later(const at::Tensor& clip) { return clip.narrow(0, 1, clip.size(0) - 1); }

// What the networks see in a clip.
struct Seen {
  EncodedClip encoded;
  std::vector<at::Tensor> lpips;
};

Seen look_at(const at::Tensor& clip, const MeasureTools& tools) {
  Seen seen{tools.encoder.encode(clip), {}};
  if (tools.lpips != nullptr) seen.lpips = tools.lpips->features(later(clip));
  return seen;
}

// The figures of pixels. `reference` may be undefined.
void add_pixel_figures(const at::Tensor& clip, const at::Tensor& real, const at::Tensor& reference,
                       Row& row) {
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
  if (!reference.defined()) return;
  row.figures["ref_psnr"] = psnr(later(clip), later(reference));
  row.figures["ref_ssim"] = ssim(later(clip), later(reference));
}

// Two passes. The networks look at the clips one after the other, on their device; then the pixels
// are compared, on all threads of the CPU.
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
    for (Source& source : found_.sources) {
      source.rows.reserve(set.items.size() * seeds.size());  // tasks_ points into it
    }
    found_.has_lpips = tools.lpips != nullptr;
  }

  void look(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    for (size_t i = 0; i < set_.items.size(); ++i) {
      cancel.check();
      for (size_t s = 0; s < seeds_.size(); ++s) look_at_item(i, s);
      base::report(progress, "features", static_cast<int64_t>(i + 1),
                   static_cast<int64_t>(set_.items.size()));
    }
  }

  void look_at_others(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    std::vector<at::Tensor> rows;
    for (const at::Tensor& clip : set_.others) {
      cancel.check();
      rows.push_back(motion_and_appearance(tools_.encoder.encode(clip).latents));
      base::report(progress, "other clips", static_cast<int64_t>(rows.size()),
                   static_cast<int64_t>(set_.others.size()));
    }
    if (!rows.empty()) found_.others = at::stack(rows);
  }

  void compare_pixels(const base::ProgressSink& progress, const base::CancelToken& cancel) {
    constexpr int64_t kAtOnce = 64;
    const auto total = static_cast<int64_t>(tasks_.size());
    for (int64_t begin = 0; begin < total; begin += kAtOnce) {
      cancel.check();
      const int64_t end = std::min(total, begin + kAtOnce);
      at::parallel_for(begin, end, 1, [&](int64_t from, int64_t to) {
        for (int64_t i = from; i < to; ++i) {
          const Task& task = tasks_[i];
          add_pixel_figures(task.clip, set_.items[task.row->item].frames, task.reference,
                            *task.row);
        }
      });
      base::report(progress, "measure", end, total);
    }
  }

  Measurements take() { return std::move(found_); }

 private:
  struct Task {
    Row* row;
    at::Tensor clip;
    at::Tensor reference;  // undefined for the reference itself
  };

  const StoredClip& made(size_t configuration, size_t item, size_t seed) const {
    return configurations_[configuration].made.clips[item * seeds_.size() + seed];
  }

  void look_at_item(size_t item, size_t seed) {
    const at::Tensor& real = set_.items[item].frames;
    const Seen reference = look_at(made(reference_, item, seed).frames, tools_);
    for (size_t c = 0; c < configurations_.size(); ++c) {
      const StoredClip& clip = made(c, item, seed);
      const bool same = c == reference_;
      Row& row =
          same ? add_row(c, item, seed, clip.frames, reference, nullptr)
               : add_row(c, item, seed, clip.frames, look_at(clip.frames, tools_), &reference);
      row.figures["own_first_frame_psnr"] = psnr(clip.own_first_frame, real[0]);
    }
    if (seed > 0) return;
    const Seen seen = look_at(real, tools_);
    const at::Tensor decoded = tools_.encoder.decode(seen.encoded.latents);
    const at::Tensor still = real.narrow(0, 0, 1).expand_as(real).contiguous();
    const size_t first = configurations_.size();
    add_row(first, item, 0, real, seen, &reference);
    add_row(first + 1, item, 0, decoded, look_at(decoded, tools_), &reference);
    add_row(first + 2, item, 0, still, look_at(still, tools_), &reference);
  }

  Row& add_row(size_t source, size_t item, size_t seed, const at::Tensor& clip, const Seen& seen,
               const Seen* reference) {
    Row& row = found_.sources[source].rows.emplace_back(Row{item, seeds_[seed], {}, {}});
    row.features = motion_and_appearance(seen.encoded.latents);
    tasks_.push_back({&row, clip, {}});
    if (reference == nullptr) return row;
    tasks_.back().reference = made(reference_, item, seed).frames;
    row.figures["ref_perceptual"] = perceptual_distance(seen.encoded, reference->encoded);
    if (tools_.lpips != nullptr) {
      row.figures["ref_lpips"] = tools_.lpips->distance(seen.lpips, reference->lpips);
    }
    return row;
  }

  const EvalSet& set_;
  const std::vector<uint64_t>& seeds_;
  const std::vector<MadeConfiguration>& configurations_;
  const size_t reference_;
  const MeasureTools& tools_;
  Measurements found_;
  std::vector<Task> tasks_;
};

}  // namespace

Measurements measure(const EvalSet& set, const std::vector<uint64_t>& seeds,
                     const std::vector<MadeConfiguration>& configurations, size_t reference,
                     const MeasureTools& tools, const base::ProgressSink& progress,
                     const base::CancelToken& cancel) {
  Measurer measurer(set, seeds, configurations, reference, tools);
  measurer.look(progress, cancel);
  measurer.look_at_others(progress, cancel);
  measurer.compare_pixels(progress, cancel);
  return measurer.take();
}

}  // namespace zoetrope::eval
