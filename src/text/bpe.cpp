#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <tuple>

#include "base/in_quotes.h"

namespace zoetrope::text {

namespace {

bool prints_as_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

std::string utf8_of(int code_point) {  // below U+0800
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3F))};
}

std::uint64_t key_of(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

// What a token of symbols stands for; nothing where a character is no symbol.
std::optional<std::string> bytes_of(std::string_view token) {
  static const auto byte_of = [] {
    std::unordered_map<std::string_view, char> table;
    for (int byte = 0; byte < 256; ++byte) {
      table.emplace(byte_symbols()[byte], static_cast<char>(byte));
    }
    return table;
  }();
  std::string bytes;
  while (!token.empty()) {
    const auto found = byte_of.find(token.substr(0, token[0] & 0x80 ? 2 : 1));
    if (found == byte_of.end()) return std::nullopt;
    bytes += found->second;
    token.remove_prefix(found->first.size());
  }
  return bytes;
}

}  // namespace

std::vector<std::uint8_t> byte_order() {
  std::vector<std::uint8_t> order;
  for (const bool wanted : {true, false}) {
    for (int byte = 0; byte < 256; ++byte) {
      if (prints_as_itself(byte) == wanted) order.push_back(static_cast<std::uint8_t>(byte));
    }
  }
  return order;
}

const std::array<std::string, 256>& byte_symbols() {
  static const auto symbols = [] {
    std::array<std::string, 256> table;
    int next = 256;  // bytes that do not print take the characters from U+0100 on
    for (int byte = 0; byte < 256; ++byte) {
      table[byte] = utf8_of(prints_as_itself(byte) ? byte : next++);
    }
    return table;
  }();
  return symbols;
}

std::int32_t largest_id(const BpeVocabulary& vocabulary) {
  std::int32_t largest = 0;
  for (const auto& [token, id] : vocabulary.ids) largest = std::max(largest, id);
  return largest;
}

base::Result<BpeEncoder> BpeEncoder::build(const BpeVocabulary& vocabulary,
                                           std::optional<std::int32_t> unknown) {
  BpeEncoder encoder;
  const auto& ids = vocabulary.ids;
  const std::string mark(vocabulary.marks_word_ends ? kEndOfWord : "");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string& symbol = byte_symbols()[byte];
    const auto inner = ids.find(symbol);
    const auto last = ids.find(symbol + mark);
    if (!unknown && (inner == ids.end() || last == ids.end())) {
      return base::data_loss(fmt::format("byte 0x{:02X} is not in the vocabulary", byte));
    }
    encoder.inner_[byte] = inner == ids.end() ? *unknown : inner->second;
    encoder.last_[byte] = last == ids.end() ? *unknown : last->second;
  }
  std::int32_t rank = 0;
  for (const auto& [left, right] : vocabulary.merges) {
    const auto a = ids.find(left);
    const auto b = ids.find(right);
    const auto joined = ids.find(left + right);
    if (a == ids.end() || b == ids.end() || joined == ids.end()) {
      return base::data_loss(
          fmt::format("merge {} joins or makes a symbol that is not in the vocabulary",
                      base::in_quotes(left + " " + right)));
    }
    encoder.merges_.insert_or_assign(key_of(a->second, b->second), Merge{rank++, joined->second});
  }
  if (vocabulary.ignore_merges) {
    for (const auto& [token, id] : ids) {
      if (auto bytes = bytes_of(token)) encoder.words_.emplace(std::move(*bytes), id);
    }
  }
  return encoder;
}

const BpeEncoder::Merge* BpeEncoder::find(std::int32_t left, std::int32_t right) const {
  const auto at = merges_.find(key_of(left, right));
  return at == merges_.end() ? nullptr : &at->second;
}

void BpeEncoder::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (!words_.empty()) {
    const auto whole = words_.find(std::string(word));
    if (whole != words_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  // A list of symbols, linked by index; `id` of a symbol that was joined to its left is -1.
  struct Symbol {
    std::int32_t id;
    int previous;
    int next;
  };
  const int size = static_cast<int>(word.size());
  std::vector<Symbol> symbols(word.size());
  for (int i = 0; i < size; ++i) {
    const auto byte = static_cast<std::uint8_t>(word[i]);
    symbols[i] = {i + 1 < size ? inner_[byte] : last_[byte], i - 1, i + 1 < size ? i + 1 : -1};
  }

  // Candidates, the earliest learnt first and then the leftmost. One may be outdated by the time it
  // comes up, which shows in the pair found there then.
  using Candidate = std::tuple<std::int32_t, int>;  // rank, left symbol
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto propose = [&](int left) {
    if (left < 0 || symbols[left].next < 0) return;
    const Merge* merge = find(symbols[left].id, symbols[symbols[left].next].id);
    if (merge != nullptr) queue.emplace(merge->rank, left);
  };
  for (int i = 0; i < size; ++i) propose(i);
  while (!queue.empty()) {
    const auto [rank, left] = queue.top();
    queue.pop();
    const int right = symbols[left].next;
    if (symbols[left].id < 0 || right < 0) continue;
    const Merge* merge = find(symbols[left].id, symbols[right].id);
    if (merge == nullptr || merge->rank != rank) continue;
    symbols[left] = {merge->result, symbols[left].previous, symbols[right].next};
    symbols[right].id = -1;
    if (symbols[left].next >= 0) symbols[symbols[left].next].previous = left;
    propose(symbols[left].previous);
    propose(left);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0) ids.push_back(symbol.id);
  }
}

}  // namespace zoetrope::text
