// Progress for a person, on stderr: a bar with the time left on a terminal, plain lines otherwise,
// nothing when quiet. One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "base/progress.h"
#include "media/image.h"

namespace zoetrope::apps {

class ProgressView {
 public:
  virtual ~ProgressView() = default;
  virtual void update(const base::Progress& progress) = 0;
  // A picture shown above the bar, where the terminal can.
  virtual void preview(const media::Image& sheet) = 0;
  // Takes the bar away; `line` stays behind it.
  virtual void finish(const std::string& line) = 0;
};

enum class ProgressStyle { kAuto, kQuiet };

std::unique_ptr<ProgressView> make_progress_view(ProgressStyle style);

// Whether stderr is a terminal that shows 24-bit colour.
bool terminal_shows_pictures();

// `image` as rows of text, two pixels a character (upper half blocks), at most `columns` wide.
std::string half_blocks(const media::Image& image, int columns);

}  // namespace zoetrope::apps
