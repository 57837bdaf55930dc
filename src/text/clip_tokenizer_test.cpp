#include "text/clip_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "text/clip_text.h"
#include "text/unicode.h"
#include "weights/test_files.h"

namespace zoetrope::text {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using weights::fixture;
using weights::read_bytes;
using weights::TempFolder;
using weights::write_bytes;
using Json = nlohmann::json;

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

ClipTokenizer open(const std::string& folder) {
  auto tokenizer = ClipTokenizer::open(folder);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(tokenizer).value();
}

// Compares with the ids that transformers gave (tests/oracles/make_clip_tokenizer.py). Returns the
// number of cases.
int compare(const ClipTokenizer& tokenizer, const std::string& cases) {
  std::istringstream lines(read_bytes(cases));
  std::string line;
  int count = 0;
  for (; std::getline(lines, line); ++count) {
    const Json wanted = Json::parse(line);
    const std::string once =
        wanted.contains("text") ? wanted["text"].get<std::string>() : from_hex(wanted["bytes"]);
    std::string text;
    for (int i = 0; i < wanted.value("times", 1); ++i) text += once;

    const Tokens tokens = tokenizer.encode(text);
    auto ids = wanted["ids"].get<std::vector<std::int32_t>>();
    EXPECT_EQ(tokens.length, static_cast<int>(ids.size())) << line;
    ids.resize(tokenizer.max_length(), tokenizer.padding_id());
    EXPECT_EQ(tokens.ids, ids) << line;
    EXPECT_EQ(tokens.truncated, wanted["truncated"].get<bool>()) << line;
    if (testing::Test::HasFailure()) break;
  }
  return count;
}

TEST(ClipTokenizer, EqualsTheReference) {
  const ClipTokenizer tokenizer = open(fixture("clip_tokenizer/tokenizer"));
  EXPECT_EQ(tokenizer.max_length(), 24);
  EXPECT_EQ(tokenizer.begin_id(), 898);
  EXPECT_EQ(tokenizer.end_id(), 899);
  EXPECT_EQ(tokenizer.padding_id(), 899);
  EXPECT_EQ(tokenizer.largest_id(), 899);
  EXPECT_GT(compare(tokenizer, fixture("clip_tokenizer/cases.jsonl")), 2000);
}

// For the oracle script: a tokenizer too large to commit, with its cases.
TEST(ClipTokenizer, EqualsTheReferenceOnGivenCases) {
  const char* folder = std::getenv("ZOETROPE_TOKENIZER_CASES");
  if (folder == nullptr) GTEST_SKIP() << "ZOETROPE_TOKENIZER_CASES is not set";
  EXPECT_GT(compare(open(folder), std::string(folder) + "/cases.jsonl"), 0);
}

class TokenizerFolder : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"}) {
      write_bytes(folder_ / name, read_bytes(fixture("clip_tokenizer/tokenizer/") + name));
    }
  }
  void set(const char* name, const std::string& text) { write_bytes(folder_ / name, text); }
  void remove(const char* name) { std::filesystem::remove(folder_ / name); }
  std::string refusal(StatusCode code = StatusCode::kDataLoss) {
    const auto tokenizer = ClipTokenizer::open(folder_.path());
    EXPECT_EQ(tokenizer.status().code(), code);
    EXPECT_THAT(tokenizer.status().message(), testing::StartsWith(folder_.path()));
    return tokenizer.status().message();
  }
  TempFolder folder_;
};

class TokenizerVariant : public TokenizerFolder, public testing::WithParamInterface<const char*> {};

TEST_P(TokenizerVariant, EqualsTheReference) {
  const std::string name = GetParam();
  set("tokenizer_config.json", read_bytes(fixture("clip_tokenizer/config_" + name + ".json")));
  EXPECT_GT(compare(open(folder_.path()), fixture("clip_tokenizer/cases_" + name + ".jsonl")), 80);
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerVariant, testing::Values("sd1", "sd2", "sdxl"),
                         [](const auto& info) { return info.param; });

TEST_F(TokenizerFolder, SpecialTokensMapOfOlderLayoutsHasTheLastWord) {
  set("tokenizer_config.json", R"({"model_max_length": 24, "bos_token": "a", "pad_token": "b"})");
  set("special_tokens_map.json", read_bytes(fixture("clip_tokenizer/config_sd2.json")));
  EXPECT_GT(compare(open(folder_.path()), fixture("clip_tokenizer/cases_sd2.jsonl")), 80);
}

TEST_F(TokenizerFolder, ReadsTokenizerJsonWhenThereIsNoVocabulary) {
  Json merges = Json::array();
  std::istringstream lines(read_bytes(folder_ / "merges.txt"));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const auto space = line.find(' ');
    if (merges.size() % 2 == 0) {
      merges.push_back(line);
    } else {
      merges.push_back({line.substr(0, space), line.substr(space + 1)});
    }
  }
  const Json vocab = Json::parse(read_bytes(folder_ / "vocab.json"));
  set("tokenizer.json", Json{{"model", {{"vocab", vocab}, {"merges", merges}}}}.dump());
  remove("vocab.json");
  remove("merges.txt");
  EXPECT_GT(compare(open(folder_.path()), fixture("clip_tokenizer/cases.jsonl")), 2000);

  set("tokenizer.json", R"({"model": {"vocab": {}, "merges": [1]}})");
  EXPECT_THAT(refusal(), HasSubstr("tokenizer.json: a merge is neither"));
  set("tokenizer.json", R"({"model": {"vocab": {}}})");
  EXPECT_THAT(refusal(), HasSubstr("tokenizer.json: no model with vocab and merges"));
  set("tokenizer.json", "[]");
  EXPECT_THAT(refusal(), HasSubstr("tokenizer.json: no model"));
  remove("tokenizer.json");
  EXPECT_THAT(refusal(StatusCode::kNotFound), HasSubstr("neither vocab.json nor tokenizer.json"));
}

TEST_F(TokenizerFolder, ClipsOwnValuesStandForMissingOnes) {
  remove("tokenizer_config.json");
  const ClipTokenizer tokenizer = open(folder_.path());
  EXPECT_EQ(tokenizer.max_length(), 77);
  EXPECT_EQ(tokenizer.padding_id(), 899);
  // What transformers writes for "no limit".
  set("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(open(folder_.path()).max_length(), 77);
}

TEST_F(TokenizerFolder, EmptyPromptIsBeginAndEnd) {
  const Tokens tokens = open(folder_.path()).encode("");
  EXPECT_EQ(tokens.ids[0], 898);
  EXPECT_EQ(tokens.length, 2);
  EXPECT_FALSE(tokens.truncated);
  EXPECT_EQ(tokens.ids.size(), 24u);
}

TEST_F(TokenizerFolder, RefusesBrokenFiles) {
  const std::string vocab = read_bytes(folder_ / "vocab.json");
  set("vocab.json", "[1]");
  EXPECT_THAT(refusal(), HasSubstr("vocab.json: the vocabulary is not an object"));
  for (const char* id : {"-1", "1.5", "\"1\"", "2147483648", "99999999999999999999"}) {
    set("vocab.json", std::string("{\"a\": ") + id + "}");
    EXPECT_THAT(refusal(), HasSubstr("vocab.json: token 'a' has no valid id"));
  }
  set("vocab.json", R"({"<|startoftext|>": 0})");
  EXPECT_THAT(refusal(), HasSubstr("eos_token '<|endoftext|>' is not in the vocabulary"));
  set("vocab.json", vocab);

  for (const char* line : {"a", "a ", " a", "a b c", "a  b"}) {
    set("merges.txt", std::string("#version: 0.2\n\n") + line + "\n");
    EXPECT_THAT(refusal(), HasSubstr("merges.txt: line 3: a merge is two symbols"));
  }
  set("merges.txt", "a nonsense");
  EXPECT_THAT(refusal(), HasSubstr("merge 'a nonsense'"));
  remove("merges.txt");
  EXPECT_THAT(refusal(StatusCode::kNotFound), HasSubstr("merges.txt"));
  set("merges.txt", "");

  set("tokenizer_config.json", R"({"model_max_length": 1})");
  EXPECT_THAT(refusal(), HasSubstr("field 'model_max_length' must be"));
  set("tokenizer_config.json", R"({"model_max_length": "77"})");
  EXPECT_THAT(refusal(), HasSubstr("field 'model_max_length' must be"));
  set("tokenizer_config.json", R"({"bos_token": 7})");
  EXPECT_THAT(refusal(), HasSubstr("field 'bos_token' must be a string"));
  set("tokenizer_config.json", R"({"bos_token": {"normalized": true}})");
  EXPECT_THAT(refusal(), HasSubstr("field 'bos_token.content' is missing"));
  set("tokenizer_config.json", R"({"pad_token": ""})");
  EXPECT_THAT(refusal(), HasSubstr("pad_token '' is not in the vocabulary"));
}

TEST_F(TokenizerFolder, BytesOutsideTheVocabularyAreUnknown) {
  set("vocab.json", R"({"a": 0, "a</w>": 1, "<|startoftext|>": 2, "<|endoftext|>": 3, "?": 4})");
  set("merges.txt", "");
  set("tokenizer_config.json", R"({"model_max_length": 8, "unk_token": "?"})");
  EXPECT_THAT(open(folder_.path()).encode("ab aa").ids, ElementsAre(2, 0, 4, 0, 1, 3, 3, 3));
}

TEST(ClipText, CleansAndCuts) {
  EXPECT_EQ(clean_clip_text(" A\t\u00a0B\u3000 "), " a b ");
  EXPECT_EQ(repair_utf8("a\xff\xe2\x82z"), "a\ufffd\ufffdz");
  EXPECT_THAT(clip_words("it's 12 o'clock!'s"),
              ElementsAre("it", "'s", "1", "2", "o", "'", "clock", "!'", "s"));
}

}  // namespace
}  // namespace zoetrope::text
