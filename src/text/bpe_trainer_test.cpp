#include "text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "text/bpe.h"
#include "text/clip_tokenizer.h"
#include "weights/test_files.h"

namespace zoetrope::text {
namespace {

using testing::ElementsAre;
using testing::Pair;
using weights::fixture;
using weights::read_bytes;
using weights::TempFolder;

std::vector<std::string> corpus() {
  std::istringstream lines(read_bytes(fixture("clip_tokenizer/corpus.txt")));
  std::vector<std::string> texts;
  for (std::string line; std::getline(lines, line);) {
    texts.push_back(nlohmann::json::parse(line).get<std::string>());
  }
  return texts;
}

// The oracle script learns the same vocabulary with its own code and transformers' word limits.
TEST(BpeTrainer, LearnsTheVocabularyOfTheOracle) {
  const TempFolder folder;
  const auto status = save_tokenizer(train_bpe(corpus(), 900), folder.path(), 24);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_bytes(folder / "merges.txt"),
            read_bytes(fixture("clip_tokenizer/tokenizer/merges.txt")));
  EXPECT_EQ(nlohmann::json::parse(read_bytes(folder / "vocab.json")),
            nlohmann::json::parse(read_bytes(fixture("clip_tokenizer/tokenizer/vocab.json"))));
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    EXPECT_EQ(nlohmann::json::parse(read_bytes(folder / name)).at("pad_token"), "<|endoftext|>");
  }

  const auto tokenizer = ClipTokenizer::open(folder.path());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  EXPECT_EQ(tokenizer->max_length(), 24);
  EXPECT_EQ(tokenizer->encode("rocket").ids,
            ClipTokenizer::open(fixture("clip_tokenizer/tokenizer"))->encode("rocket").ids);
}

TEST(BpeTrainer, DoesNotDependOnTheOrderOfTexts) {
  std::vector<std::string> texts = corpus();
  const TrainedBpe bpe = train_bpe(texts, 700);
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(train_bpe(texts, 700).merges, bpe.merges);
}

TEST(BpeTrainer, LearnsTheMostFrequentPairFirst) {
  const TrainedBpe bpe = train_bpe({"ab ab", "abc abc abc"}, 517);
  // a+b within abc: 3 times; then ab+c: 3 times; then a+b at the end of a word: twice.
  EXPECT_THAT(bpe.merges, ElementsAre(Pair("a", "b"), Pair("ab", "c</w>"), Pair("a", "b</w>")));
  EXPECT_EQ(bpe.tokens.size(), 517u);
  EXPECT_EQ(bpe.tokens[512], "ab");
  EXPECT_EQ(bpe.tokens.back(), "<|endoftext|>");
}

TEST(BpeTrainer, StopsWhenNothingOccursTwice) {
  const TrainedBpe bpe = train_bpe({"abc"}, 600);
  EXPECT_TRUE(bpe.merges.empty());
  EXPECT_EQ(bpe.tokens.size(), 514u);
  EXPECT_THROW(train_bpe({}, 513), base::Error);
}

TEST(BpeTrainer, TokensAreDifferent) {
  // "ab" + "cx" and "abc" + "x" would both make "abcx": a token must not get two ids.
  std::vector<std::string> texts = corpus();
  texts.insert(texts.end(), 5, "abcx zabc zabcz cxz abcxy cxy abcx ycx");
  const TrainedBpe bpe = train_bpe(texts, 2000);
  EXPECT_EQ(std::set(bpe.tokens.begin(), bpe.tokens.end()).size(), bpe.tokens.size());
}

TEST(Bpe, SymbolsOfBytesAreDifferentAndComplete) {
  const auto& symbols = byte_symbols();
  EXPECT_EQ(std::set(symbols.begin(), symbols.end()).size(), 256u);
  EXPECT_EQ(symbols['a'], "a");
  EXPECT_EQ(symbols[' '], "\u0120");
  EXPECT_EQ(symbols[0xAD], "\u0143");
  auto order = byte_order();
  EXPECT_EQ(order[0], '!');
  std::sort(order.begin(), order.end());
  for (int byte = 0; byte < 256; ++byte) EXPECT_EQ(order[byte], byte);
}

}  // namespace
}  // namespace zoetrope::text
