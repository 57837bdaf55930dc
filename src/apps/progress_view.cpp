#include "apps/progress_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "media/resize.h"

namespace zoetrope::apps {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string minutes(double seconds) {
  const int whole = static_cast<int>(seconds + 0.5);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

class Quiet final : public ProgressView {
 public:
  void update(const base::Progress&) override {}
  void preview(const media::Image&) override {}
  void finish(const std::string&) override {}
};

// For log files: a line when a stage begins, then at most one every few seconds.
class Lines final : public ProgressView {
 public:
  void update(const base::Progress& progress) override {
    const bool new_stage = progress.stage != stage_;
    if (!new_stage && (progress.step < progress.of || said_end_) && seconds_since(last_) < 5.0) {
      return;
    }
    stage_ = progress.stage;
    said_end_ = progress.of > 0 && progress.step >= progress.of;
    last_ = Clock::now();
    put(progress.of > 0 ? fmt::format("{}: {}/{}\n", progress.stage, progress.step, progress.of)
                        : fmt::format("{}\n", progress.stage));
  }
  void preview(const media::Image&) override {}
  void finish(const std::string& line) override { put(line + "\n"); }

 private:
  std::string stage_;
  bool said_end_ = false;
  Clock::time_point last_;
};

class Bar final : public ProgressView {
 public:
  Bar() { put("\x1b[?25l"); }  // hides the cursor
  ~Bar() override { put("\x1b[?25h"); }

  void update(const base::Progress& progress) override {
    if (progress.stage != stage_) {
      stage_ = progress.stage;
      begin_ = Clock::now();
      first_step_ = progress.step;
    }
    progress_ = progress;
    draw();
  }

  void preview(const media::Image& sheet) override {
    const std::string picture = half_blocks(sheet, terminal_columns());
    const int lines = static_cast<int>(std::count(picture.begin(), picture.end(), '\n'));
    std::string out = "\r";
    if (preview_lines_ > 0) out += fmt::format("\x1b[{}A", preview_lines_);
    preview_lines_ = lines;
    put(out + "\x1b[J" + picture);
    draw();
  }

  void finish(const std::string& line) override {
    put("\r\x1b[K" + line + "\n");
    preview_lines_ = 0;
    stage_.clear();
  }

 private:
  void draw() {
    constexpr int kWidth = 30;
    const int64_t step = progress_.step, of = progress_.of;
    std::string line = fmt::format("\r\x1b[K{:<12} ", stage_);
    if (of > 0) {
      const int full = static_cast<int>(kWidth * std::min(step, of) / of);
      for (int i = 0; i < kWidth; ++i) line += i < full ? "\u2588" : "\u2591";
      line += fmt::format(" {:>3}/{}", step, of);
      const int64_t done = step - first_step_;
      if (done > 0 && step < of) {
        const double left =
            seconds_since(begin_) / static_cast<double>(done) * static_cast<double>(of - step);
        line += fmt::format("  {} left", minutes(left));
      }
    }
    put(line);
  }

  std::string stage_;
  base::Progress progress_;  // its stage view is not used
  int64_t first_step_ = 0;
  int preview_lines_ = 0;
  Clock::time_point begin_;
};

}  // namespace

std::unique_ptr<ProgressView> make_progress_view(ProgressStyle style) {
  if (style == ProgressStyle::kQuiet) return std::make_unique<Quiet>();
  if (isatty(STDERR_FILENO) != 0) return std::make_unique<Bar>();
  return std::make_unique<Lines>();
}

bool terminal_shows_pictures() {
  const char* colour = std::getenv("COLORTERM");
  if (isatty(STDERR_FILENO) == 0 || colour == nullptr) return false;
  return std::string_view(colour) == "truecolor" || std::string_view(colour) == "24bit";
}

std::string half_blocks(const media::Image& image, int columns) {
  media::Image small = image;
  if (image.width > columns) {
    small = media::resize(image, columns, std::max(1, image.height * columns / image.width));
  }
  std::string text;
  for (int y = 0; y < small.height; y += 2) {
    for (int x = 0; x < small.width; ++x) {
      const uint8_t* upper = small.at(x, y);
      const uint8_t* lower = small.at(x, std::min(y + 1, small.height - 1));
      text += fmt::format("\x1b[38;2;{};{};{};48;2;{};{};{}m\u2580", upper[0], upper[1], upper[2],
                          lower[0], lower[1], lower[2]);
    }
    text += "\x1b[0m\n";
  }
  return text;
}

}  // namespace zoetrope::apps
