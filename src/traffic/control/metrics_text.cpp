#include "traffic/control/metrics_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/in_quotes.h"

namespace zoetrope::traffic::control {
namespace {

using base::Result;
using base::Status;

constexpr size_t kMostBytes = size_t{64} << 20;
constexpr size_t kMostLabels = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads one line from its front. Every method leaves what it did not understand.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  void skip_blanks() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) next();
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    next();
    return true;
  }
  bool at_end() const { return rest_.empty(); }

  // A metric's name may hold colons, a label's may not. Empty: there is none.
  std::string_view name(bool colons) {
    size_t size = 0;
    while (size < rest_.size() && (is_letter(rest_[size]) || (colons && rest_[size] == ':') ||
                                   (size > 0 && is_digit(rest_[size])))) {
      ++size;
    }
    return pop(size);
  }

  std::string_view word() { return pop(std::min(rest_.find_first_of(" \t"), rest_.size())); }

  // What stands up to a closing quote, with \\, \" and \n resolved.
  std::optional<std::string> quoted() {
    std::string value;
    while (!rest_.empty()) {
      char c = rest_.front();
      next();
      if (c == '"') return value;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        next();
        if (c == 'n') {
          c = '\n';
        } else if (c != '\\' && c != '"') {
          return std::nullopt;
        }
      }
      value += c;
    }
    return std::nullopt;
  }

 private:
  void next() { rest_.remove_prefix(1); }
  std::string_view pop(size_t size) {
    const std::string_view front = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return front;
  }

  std::string_view rest_;
};

std::optional<double> number(std::string_view word) {
  if (word.starts_with('+')) {
    word.remove_prefix(1);
    if (word.starts_with('-')) return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty()) return std::nullopt;
  // Beyond what a double holds, as "1e999", is infinite, which is no reading.
  if (error == std::errc::result_out_of_range) return HUGE_VAL;
  if (error != std::errc()) return std::nullopt;
  return value;
}

// nullptr, or what is wrong.
const char* read_labels(Line& line, Labels& labels) {
  for (line.skip_blanks(); !line.take('}'); line.skip_blanks()) {
    const std::string_view name = line.name(false);
    if (name.empty()) return "a label without a name";
    line.skip_blanks();
    if (!line.take('=')) return "a label without '='";
    line.skip_blanks();
    if (!line.take('"')) return "the value of a label is not in quotes";
    auto value = line.quoted();
    if (!value) return "the value of a label does not end";
    if (!labels.emplace(name, std::move(*value)).second) return "a label occurs twice";
    if (labels.size() > kMostLabels) return "too many labels";
    line.skip_blanks();
    if (line.take(',')) continue;
    if (!line.take('}')) return "labels do not end";
    break;
  }
  return nullptr;
}

const char* read_sample(Line& line, Sample& sample) {
  sample.name = line.name(true);
  if (sample.name.empty()) return "a line without a metric's name";
  line.skip_blanks();
  if (line.take('{')) {
    if (const char* wrong = read_labels(line, sample.labels)) return wrong;
  }
  line.skip_blanks();
  const auto value = number(line.word());
  if (!value) return "a metric without a number";
  sample.value = *value;
  line.skip_blanks();
  if (!line.at_end()) {  // a time stamp, in milliseconds
    const std::string_view time = line.word();
    int64_t ms = 0;
    const auto [end, error] = std::from_chars(time.data(), time.data() + time.size(), ms);
    if (error != std::errc() || end != time.data() + time.size()) return "a time that is none";
    line.skip_blanks();
  }
  return line.at_end() ? nullptr : "something after the number";
}

}  // namespace

std::optional<double> reading(const Sample& sample) {
  if (!std::isfinite(sample.value) || sample.value < 0) return std::nullopt;
  return sample.value;
}

bool matches(const Sample& sample, std::string_view name, Matchers labels) {
  return sample.name == name && std::all_of(labels.begin(), labels.end(), [&](const auto& wanted) {
           const auto found = sample.labels.find(wanted.first);
           return found != sample.labels.end() && found->second == wanted.second;
         });
}

std::optional<double> sum(const std::vector<Sample>& samples, std::string_view name,
                          Matchers labels) {
  std::optional<double> total;
  for (const Sample& sample : samples) {
    if (!matches(sample, name, labels)) continue;
    const auto value = reading(sample);
    if (!value) return std::nullopt;
    total = total.value_or(0) + *value;
  }
  return total && std::isfinite(*total) ? total : std::nullopt;
}

Result<std::vector<Sample>> parse_metrics(std::string_view text, std::string_view source,
                                          const Names& wanted) {
  if (text.size() > kMostBytes) return base::data_loss(fmt::format("{}: too large", source));
  std::vector<Sample> samples;
  std::set<std::pair<std::string, Labels>> seen;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    Line line(whole.ends_with('\r') ? whole.substr(0, whole.size() - 1) : whole);
    line.skip_blanks();
    if (line.at_end() || line.take('#')) continue;
    Sample sample;
    if (const char* wrong = read_sample(line, sample)) {
      return base::data_loss(fmt::format("{}:{}: {}", source, number, wrong));
    }
    if (!wanted.contains(sample.name)) continue;
    if (!seen.emplace(sample.name, sample.labels).second) {
      return base::data_loss(fmt::format("{}:{}: {} occurs twice with the same labels", source,
                                         number, base::in_quotes(sample.name)));
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace zoetrope::traffic::control
