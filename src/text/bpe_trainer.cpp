#include "text/bpe_trainer.h"

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "text/bpe.h"
#include "text/clip_text.h"
#include "weights/atomic_file.h"

namespace zoetrope::text {

namespace {

constexpr int kBytes = 256;
constexpr const char* kBegin = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";
constexpr std::int64_t kRarest = 2;  // a pair seen once says nothing about other texts

struct Word {
  std::vector<int> symbols;
  std::int64_t count;
};

// A map, here and below, so that the order of everything is determined.
std::vector<Word> count_words(const std::vector<std::string>& texts) {
  std::map<std::string, std::int64_t> counts;
  for (const std::string& text : texts) {
    for (const std::string& word : clip_words(clean_clip_text(text))) ++counts[word];
  }
  std::array<int, kBytes> id_of;
  const auto order = byte_order();
  for (int id = 0; id < kBytes; ++id) id_of[order[id]] = id;

  std::vector<Word> words;
  for (const auto& [text, count] : counts) {
    Word word{{}, count};
    for (const char c : text) word.symbols.push_back(id_of[static_cast<std::uint8_t>(c)]);
    word.symbols.back() += kBytes;  // its last symbol carries the end mark
    words.push_back(std::move(word));
  }
  return words;
}

std::pair<int, int> most_frequent_pair(const std::vector<Word>& words, std::int64_t& frequency) {
  std::map<std::pair<int, int>, std::int64_t> counts;
  for (const Word& word : words) {
    for (std::size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      counts[{word.symbols[i], word.symbols[i + 1]}] += word.count;
    }
  }
  std::pair<int, int> best;
  frequency = 0;
  for (const auto& [pair, count] : counts) {
    if (count > frequency) {
      best = pair;
      frequency = count;
    }
  }
  return best;
}

void join(Word& word, std::pair<int, int> pair, int joined) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < word.symbols.size(); ++kept) {
    const bool match = i + 1 < word.symbols.size() && word.symbols[i] == pair.first &&
                       word.symbols[i + 1] == pair.second;
    word.symbols[kept] = match ? joined : word.symbols[i];
    i += match ? 2 : 1;
  }
  word.symbols.resize(kept);
}

}  // namespace

TrainedBpe train_bpe(const std::vector<std::string>& texts, int vocab_size) {
  base::require(vocab_size >= 2 * kBytes + 2, "vocab_size: at least 514 (bytes and two marks)");
  TrainedBpe bpe;
  for (const std::string_view end : {std::string_view(), kEndOfWord}) {
    for (const std::uint8_t byte : byte_order()) {
      bpe.tokens.push_back(byte_symbols()[byte] + std::string(end));
    }
  }
  std::vector<Word> words = count_words(texts);
  while (static_cast<int>(bpe.tokens.size()) < vocab_size - 2) {
    std::int64_t frequency = 0;
    const auto pair = most_frequent_pair(words, frequency);
    if (frequency < kRarest) break;
    // No two merges make the same token: what a run of bytes is divided into is the same wherever
    // its limits are limits of symbols, since a merge is applied to all words, from the left.
    for (Word& word : words) join(word, pair, static_cast<int>(bpe.tokens.size()));
    bpe.merges.emplace_back(bpe.tokens[pair.first], bpe.tokens[pair.second]);
    bpe.tokens.push_back(bpe.merges.back().first + bpe.merges.back().second);
  }
  bpe.tokens.emplace_back(kBegin);
  bpe.tokens.emplace_back(kEnd);
  return bpe;
}

base::Status save_tokenizer(const TrainedBpe& bpe, const std::string& folder, int max_length) {
  nlohmann::ordered_json::object_t ids;
  for (std::size_t id = 0; id < bpe.tokens.size(); ++id) ids.emplace_back(bpe.tokens[id], id);
  std::string merges = "#version: 0.2\n";
  for (const auto& [left, right] : bpe.merges) merges += left + " " + right + "\n";
  nlohmann::ordered_json config = {
      {"bos_token", kBegin}, {"eos_token", kEnd}, {"unk_token", kEnd}, {"pad_token", kEnd}};
  const std::string special_tokens = config.dump(2) + "\n";
  config["model_max_length"] = max_length;
  config["tokenizer_class"] = "CLIPTokenizer";

  const std::string vocab = nlohmann::ordered_json(std::move(ids)).dump() + "\n";
  ZT_RETURN_IF_ERROR(weights::write_file(folder + "/vocab.json", vocab));
  ZT_RETURN_IF_ERROR(weights::write_file(folder + "/merges.txt", merges));
  ZT_RETURN_IF_ERROR(weights::write_file(folder + "/special_tokens_map.json", special_tokens));
  return weights::write_file(folder + "/tokenizer_config.json", config.dump(2) + "\n");
}

}  // namespace zoetrope::text
