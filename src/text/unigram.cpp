#include "text/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "text/unicode.h"

namespace zoetrope::text {

namespace {

constexpr double kUnknownPenalty = 10;  // below the worst piece, as in SentencePiece
constexpr std::int32_t kNowhere = -1;

}  // namespace

base::Result<Unigram> Unigram::build(UnigramVocabulary vocabulary) {
  Unigram model;
  const auto count = static_cast<std::int64_t>(vocabulary.pieces.size());
  if (count > std::numeric_limits<std::int32_t>::max()) return base::data_loss("too many pieces");
  if (vocabulary.unknown < 0 || vocabulary.unknown >= count) {
    return base::data_loss(
        fmt::format("unk_id {} is not among its {} pieces", vocabulary.unknown, count));
  }
  model.pieces_ = std::move(vocabulary.pieces);
  model.unknown_ = static_cast<std::int32_t>(vocabulary.unknown);
  double worst = 0;
  for (std::size_t id = 0; id < model.pieces_.size(); ++id) {
    const Piece& piece = model.pieces_[id];
    if (piece.text.empty()) return base::data_loss(fmt::format("piece {} is empty", id));
    worst = id == 0 ? piece.score : std::min(worst, piece.score);
  }
  model.unknown_score_ = worst - kUnknownPenalty;

  auto& sorted = model.sorted_;
  sorted.resize(model.pieces_.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  const auto text_of = [&](std::int32_t id) -> const std::string& {
    return model.pieces_[id].text;
  };
  std::sort(sorted.begin(), sorted.end(), [&](std::int32_t a, std::int32_t b) {
    const int order = text_of(a).compare(text_of(b));
    return order < 0 || (order == 0 && a > b);  // of equal ones the later first, which stays
  });
  const auto same = [&](std::int32_t a, std::int32_t b) { return text_of(a) == text_of(b); };
  sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());

  model.byte_fallback_ = vocabulary.byte_fallback;
  for (int byte = 0; byte < 256; ++byte) {
    model.bytes_[byte] = model.find(fmt::format("<0x{:02X}>", byte));
  }
  return model;
}

std::int32_t Unigram::find(std::string_view piece) const {
  const auto at =
      std::lower_bound(sorted_.begin(), sorted_.end(), piece,
                       [&](std::int32_t id, std::string_view p) { return pieces_[id].text < p; });
  return at != sorted_.end() && pieces_[*at].text == piece ? *at : kNowhere;
}

// For each byte of the word, and behind the last.
std::vector<Unigram::Step> Unigram::best_steps(std::string_view word) const {
  std::vector<Step> steps(word.size() + 1);
  const auto offer = [&](std::size_t begin, std::size_t end, std::int32_t id, double score) {
    const double sum = score + steps[begin].score;
    if (steps[end].id == kNowhere || sum > steps[end].score) steps[end] = {sum, begin, id};
  };
  for (std::size_t begin = 0; begin < word.size();) {
    std::size_t next = begin;
    next_code_point(word, next);
    bool has_character = false;
    // The pieces that the word goes on with are those, among the sorted ones, that agree with it in
    // one more byte at every turn.
    auto low = sorted_.begin();
    auto high = sorted_.end();
    for (std::size_t end = begin; end < word.size() && low != high;) {
      const std::size_t depth = end - begin;
      const auto byte_at = [&](std::int32_t id) {
        return static_cast<std::uint8_t>(pieces_[id].text[depth]);
      };
      const auto byte = static_cast<std::uint8_t>(word[end]);
      low = std::lower_bound(low, high, byte,
                             [&](std::int32_t id, std::uint8_t b) { return byte_at(id) < b; });
      high = std::upper_bound(low, high, byte,
                              [&](std::uint8_t b, std::int32_t id) { return b < byte_at(id); });
      ++end;
      if (low == high || pieces_[*low].text.size() != end - begin) continue;
      offer(begin, end, *low, pieces_[*low].score);
      has_character |= end == next;
      ++low;  // it has no further byte
    }
    if (!has_character) offer(begin, next, unknown_, unknown_score_);
    begin = next;
  }
  return steps;
}

void Unigram::append_unknown(std::string_view text, std::vector<std::int32_t>& ids) const {
  const std::int32_t named = find(text);  // the text may be the name of the unknown piece itself
  const auto has_piece = [&](char byte) {
    return bytes_[static_cast<std::uint8_t>(byte)] != kNowhere;
  };
  if (named != kNowhere || !byte_fallback_ || !std::all_of(text.begin(), text.end(), has_piece)) {
    ids.push_back(named == kNowhere ? unknown_ : named);
    return;
  }
  for (const char byte : text) ids.push_back(bytes_[static_cast<std::uint8_t>(byte)]);
}

void Unigram::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  const std::vector<Step> steps = best_steps(word);
  std::vector<std::size_t> ends;  // of the pieces on the best way, the last first
  for (std::size_t end = word.size(); end > 0; end = steps[end].begin) ends.push_back(end);

  std::size_t begin = 0;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const bool is_unknown = steps[*end].id == unknown_;
    const bool goes_on = is_unknown && end + 1 != ends.rend() && steps[*(end + 1)].id == unknown_;
    if (goes_on) continue;
    if (is_unknown) {
      append_unknown(word.substr(begin, *end - begin), ids);
    } else {
      ids.push_back(steps[*end].id);
    }
    begin = *end;
  }
}

}  // namespace zoetrope::text
