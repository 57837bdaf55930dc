// What is told of broken tokenizer files, and what the face of a tokenizer promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "text/charsmap.h"
#include "text/regex.h"
#include "text/spiece_model.h"
#include "text/tokenizer.h"
#include "weights/test_files.h"

namespace zoetrope::text {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using weights::fixture;
using weights::read_bytes;
using Json = nlohmann::json;

std::unique_ptr<Tokenizer> open(const std::string& folder) {
  auto tokenizer = open_tokenizer(folder);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(tokenizer).value();
}

TEST(Tokenizer, PadsAndCuts) {
  const auto t5 = open(fixture("text/t5"));
  EXPECT_EQ(t5->padding_id(), 0);
  EXPECT_EQ(t5->end_id(), 1);
  EXPECT_EQ(t5->max_length(), 40);
  const Tokens whole = t5->encode("a rocket");
  ASSERT_EQ(whole.ids.size(), 40U);
  ASSERT_GT(whole.length, 2);
  EXPECT_EQ(whole.ids[whole.length - 1], 1);
  EXPECT_EQ(whole.ids[whole.length], 0);
  EXPECT_FALSE(whole.truncated);

  const Tokens fits = t5->encode("a rocket", whole.length, 0);
  EXPECT_FALSE(fits.truncated);
  EXPECT_EQ(fits.length, whole.length);
  const Tokens cut = t5->encode("a rocket", whole.length - 1, 0);
  EXPECT_TRUE(cut.truncated);
  EXPECT_EQ(cut.ids.back(), 1);
  EXPECT_EQ(cut.ids[0], whole.ids[0]);
  EXPECT_THAT(t5->encode("a rocket", 1, 0).ids, ElementsAre(1));
  EXPECT_THROW(t5->encode("", 0, 0), base::Error);
  EXPECT_THROW(t5->encode("", -1, 0), base::Error);
}

// HiDream pads Llama's prompts with eos_token; the folder names no other.
TEST(Tokenizer, BeginsAndPadsAsLlamaDoes) {
  const auto llama = open(fixture("text/llama3"));
  const std::int32_t begin = llama->encode("", 1, 0).ids[0];
  EXPECT_EQ(llama->padding_id(), llama->end_id());
  EXPECT_EQ(llama->end_id(), begin + 2);
  EXPECT_EQ(llama->largest_id(), begin + 4);
  EXPECT_EQ(llama->max_length(), 131072);
  EXPECT_THAT(llama->encode("<|eot_id|>", 4, 7).ids, ElementsAre(begin, begin + 2, 7, 7));
}

class TokenizerFile : public testing::Test {
 protected:
  void take(const std::string& name) {
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"}) {
      weights::write_bytes(folder_ / file, read_bytes(fixture("text/" + name + "/" + file)));
    }
    json_ = Json::parse(read_bytes(folder_ / "tokenizer.json"));
  }
  // The message for the file as `change` makes it.
  std::string refusal(const std::function<void(Json&)>& change) {
    Json json = json_;
    change(json);
    weights::write_bytes(folder_ / "tokenizer.json", json.dump());
    return message();
  }
  std::string message(StatusCode code = StatusCode::kDataLoss) {
    const auto tokenizer = open_tokenizer(folder_.path());
    EXPECT_EQ(tokenizer.status().code(), code);
    EXPECT_THAT(tokenizer.status().message(), testing::StartsWith(folder_.path()));
    return tokenizer.status().message();
  }
  weights::TempFolder folder_;
  Json json_;
};

TEST_F(TokenizerFile, IsNamedWhenThereIsNone) {
  EXPECT_THAT(message(StatusCode::kNotFound),
              HasSubstr("neither vocab.json, tokenizer.json nor spiece.model"));
}

TEST_F(TokenizerFile, OpensClipToo) {
  EXPECT_EQ(open(fixture("clip_tokenizer/tokenizer"))->max_length(), 24);
}

TEST_F(TokenizerFile, SaysWhatIsWrongInAUnigramModel) {
  take("t5");
  const auto model = [&](const char* field, Json value) {
    return refusal([&](Json& json) { json["model"][field] = std::move(value); });
  };
  EXPECT_THAT(model("type", "WordPiece"), HasSubstr("model type 'WordPiece' is not supported"));
  EXPECT_THAT(model("type", nullptr), HasSubstr("'model.type' is missing"));
  EXPECT_THAT(model("unk_id", nullptr), HasSubstr("'model.unk_id' is missing"));
  for (const auto& id : {Json(-1), Json(1 << 30), Json(std::int64_t{1} << 40)}) {
    EXPECT_THAT(model("unk_id", id), HasSubstr("is not among its"));
  }
  EXPECT_THAT(model("vocab", Json::object()), HasSubstr("'model.vocab' must be a list"));
  EXPECT_THAT(model("vocab", Json::array()), HasSubstr("is not among its 0 pieces"));
  for (const char* piece : {"1", "[]", "[\"a\"]", "[\"a\", \"b\"]", "[1, 2]", "[\"a\", null]"}) {
    EXPECT_THAT(model("vocab", Json::array({Json::parse(piece)})), HasSubstr("model.vocab[0]"));
  }
  EXPECT_THAT(model("vocab", Json::array({Json::array({"", 0.0})})), HasSubstr("unk_id"));
  EXPECT_THAT(refusal([](Json& json) { json["model"]["vocab"][5][0] = ""; }),
              HasSubstr("piece 5 is empty"));
  EXPECT_THAT(refusal([](Json& json) { json.erase("model"); }), HasSubstr("'model' is missing"));
  EXPECT_THAT(refusal([](Json& json) { json = Json::array(); }), HasSubstr("not a JSON object"));
}

TEST_F(TokenizerFile, SaysWhatIsWrongInTheSteps) {
  take("t5");
  const auto normalizer = [&](Json value) {
    return refusal([&](Json& json) { json["normalizer"] = std::move(value); });
  };
  EXPECT_THAT(normalizer({{"type", "BertNormalizer"}}), HasSubstr("normalizer 'BertNormalizer'"));
  EXPECT_THAT(normalizer({{"type", "Precompiled"}, {"precompiled_charsmap", "!"}}),
              HasSubstr("'precompiled_charsmap' is not Base64"));
  EXPECT_THAT(normalizer({{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}),
              HasSubstr("'precompiled_charsmap': it has no size"));
  EXPECT_THAT(normalizer({{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}}),
              HasSubstr("'(' is no regular expression"));
  EXPECT_THAT(normalizer({{"type", "Strip"}}), HasSubstr("strips on the left"));
  EXPECT_THAT(normalizer({{"type", "Sequence"}, {"normalizers", {1}}}),
              HasSubstr("'normalizer.normalizers[0]' must be an object"));

  const auto pre_tokenizer = [&](Json value) {
    return refusal([&](Json& json) { json["pre_tokenizer"] = std::move(value); });
  };
  EXPECT_THAT(pre_tokenizer({{"type", "Punctuation"}}), HasSubstr("pre-tokenizer 'Punctuation'"));
  EXPECT_THAT(pre_tokenizer({{"type", "Metaspace"}, {"replacement", "_"}}), HasSubstr("U+2581"));
  EXPECT_THAT(pre_tokenizer({{"type", "Metaspace"}, {"prepend_scheme", "last"}}),
              HasSubstr("prepend_scheme 'last'"));
  EXPECT_THAT(pre_tokenizer({{"type", "ByteLevel"}}), HasSubstr("add_prefix_space or use_regex"));
  EXPECT_THAT(
      pre_tokenizer({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}),
      HasSubstr("a Unigram model after ByteLevel"));

  EXPECT_THAT(refusal([](Json& json) { json["post_processor"]["type"] = "BertProcessing"; }),
              HasSubstr("post-processor 'BertProcessing'"));
  EXPECT_THAT(refusal([](Json& json) {
                json["post_processor"]["special_tokens"]["</s>"]["ids"] = {1 << 20};
              }),
              HasSubstr("special token '</s>' has id 1048576, out of range"));
  EXPECT_THAT(
      refusal([](Json& json) { json["post_processor"]["special_tokens"] = Json::object(); }),
      HasSubstr("'post_processor.special_tokens.</s>' is missing"));
  EXPECT_THAT(refusal([](Json& json) { json["post_processor"]["single"] = Json::array(); }),
              HasSubstr("a template without the text"));
}

TEST_F(TokenizerFile, SaysWhatIsWrongInAddedTokens) {
  take("t5");
  const auto added = [&](const char* field, Json value) {
    return refusal([&](Json& json) { json["added_tokens"][0][field] = std::move(value); });
  };
  EXPECT_THAT(added("content", ""), HasSubstr("an added token without content"));
  EXPECT_THAT(added("content", nullptr), HasSubstr("'added_tokens[0].content' is missing"));
  EXPECT_THAT(added("id", -1), HasSubstr("has id -1, out of range"));
  EXPECT_THAT(added("id", 1 << 20), HasSubstr("has id 1048576, out of range"));
  EXPECT_THAT(added("id", 9), HasSubstr("has id 9, but 0 in the vocabulary"));
  EXPECT_THAT(added("single_word", true), HasSubstr("single_word is not supported"));
}

TEST_F(TokenizerFile, SaysWhatIsWrongInTheConfiguration) {
  take("t5");
  const auto config = [&](const char* text) {
    weights::write_bytes(folder_ / "tokenizer_config.json", text);
    return message();
  };
  EXPECT_THAT(config(R"({"eos_token": "nothing"})"), HasSubstr("eos_token 'nothing' is not in"));
  EXPECT_THAT(config(R"({"padding_side": "left"})"), HasSubstr("padding_side must be 'right'"));
  EXPECT_THAT(config(R"({"model_max_length": 0})"), HasSubstr("'model_max_length' must be"));
  EXPECT_THAT(config(R"({"tokenizer_class": 3})"), HasSubstr("'tokenizer_class' must be a string"));
  weights::write_bytes(folder_ / "tokenizer_config.json", R"({"model_max_length": 1e30})");
  EXPECT_EQ(open(folder_.path())->max_length(), kNoLimit);
  EXPECT_EQ(open(folder_.path())->end_id(), 1);  // T5's own
}

TEST_F(TokenizerFile, SaysWhatIsWrongInAByteLevelModel) {
  take("llama3");
  EXPECT_THAT(refusal([](Json& json) { json["model"]["vocab"].erase("\u0120"); }),
              HasSubstr("byte 0x20 is not in the vocabulary"));
  EXPECT_THAT(refusal([](Json& json) { json["model"]["vocab"]["a"] = -4; }),
              HasSubstr("token 'a' has no valid id"));
  EXPECT_THAT(refusal([](Json& json) { json["model"]["merges"][0] = "a nothing"; }),
              HasSubstr("merge 'a nothing'"));
  EXPECT_THAT(refusal([](Json& json) { json["model"]["end_of_word_suffix"] = "</w>"; }),
              HasSubstr("'model.end_of_word_suffix' is not supported"));
  EXPECT_THAT(refusal([](Json& json) { json["pre_tokenizer"] = nullptr; }),
              HasSubstr("a BPE model without a ByteLevel pre-tokenizer"));
  EXPECT_THAT(refusal([](Json& json) {
                json["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed";
              }),
              HasSubstr("a Split must have behavior 'Isolated'"));
  EXPECT_THAT(refusal([](Json& json) {
                json["eos"] = 1;
                json["added_tokens"] = Json::array();
              }),
              HasSubstr("out of range"));
}

// A merge whose result is one of its parts again: words still come to an end.
TEST_F(TokenizerFile, CyclicMergesEnd) {
  take("llama3");
  json_["model"]["vocab"]["aa"] = json_["model"]["vocab"]["a"];
  json_["model"]["merges"] = {"a a"};
  weights::write_bytes(folder_ / "tokenizer.json", json_.dump());
  EXPECT_EQ(open(folder_.path())->encode(std::string(5000, 'a') + "b", 9, 0).length, 3);
}

class SpieceFile : public testing::Test {
 protected:
  std::string refusal(const std::string& bytes) {
    weights::write_bytes(folder_ / "spiece.model", bytes);
    const auto tokenizer = open_tokenizer(folder_.path());
    EXPECT_EQ(tokenizer.status().code(), StatusCode::kDataLoss);
    EXPECT_THAT(tokenizer.status().message(), testing::StartsWith(folder_ / "spiece.model"));
    return tokenizer.status().message();
  }
  weights::TempFolder folder_;
};

TEST_F(SpieceFile, SaysWhatIsWrong) {
  const std::string good = read_bytes(fixture("text/t5_spiece/spiece.model"));
  EXPECT_THAT(refusal(""), HasSubstr("'precompiled_charsmap': it has no size"));
  EXPECT_THAT(refusal("\x0a"), HasSubstr("truncated"));
  EXPECT_THAT(refusal("\x0f"), HasSubstr("not a SentencePiece model"));
  EXPECT_THAT(refusal(std::string(12, '\xff')), HasSubstr("an integer of more than 64 bits"));
  EXPECT_THAT(refusal("\x08\x01"), HasSubstr("field 'pieces' is not a string or message"));
  EXPECT_THAT(refusal(std::string("\x0a\x02\x10\x01", 4)), HasSubstr("'score' is not a float"));
  EXPECT_THAT(refusal(std::string("\x0a\x03\x0a\x01\xff", 5)),
              HasSubstr("piece 0 is empty or not"));
  EXPECT_THAT(refusal(std::string("\x0a\x08\x0a\x01"
                                  "a\x15\x00\x00\x80\x7f",
                                  10)),
              HasSubstr("piece 0 has no finite score"));
  EXPECT_THAT(refusal(good.substr(0, good.size() / 2)), HasSubstr("truncated"));
  EXPECT_THAT(refusal(good + std::string("\x12\x02\x18\x02", 4)), HasSubstr("not a unigram model"));
  EXPECT_THAT(refusal(good + std::string("\x12\x05\xc0\x02\xff\xff\x7f", 7)),
              HasSubstr("unk_id 2097151 is not among"));
}

TEST_F(SpieceFile, ReadsWhatIsInIt) {
  const auto model =
      parse_sentence_piece(read_bytes(fixture("text/t5_spiece/spiece.model")), "spiece.model");
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->unknown_id, 2U);
  EXPECT_EQ(model->pieces[0].text, "<pad>");
  EXPECT_EQ(model->pieces[1].type, SentencePiece::kControl);
  EXPECT_EQ(model->pieces[2].type, SentencePiece::kUnknown);
}

TEST(Charsmap, RefusesSizesThatDoNotFit) {
  const auto refusal = [](std::string_view bytes) {
    return Charsmap::parse(bytes).status().message();
  };
  EXPECT_THAT(refusal(std::string(4, '\0')), HasSubstr("the size of its trie"));
  EXPECT_THAT(refusal(std::string("\x06\0\0\0aaaaaaaa", 12)), HasSubstr("the size of its trie"));
  EXPECT_THAT(refusal(std::string("\x10\0\0\0aaaaaaaa", 12)), HasSubstr("the size of its trie"));
  EXPECT_THAT(refusal(std::string("\x04\0\0\0aaaa\xff", 9)), HasSubstr("not UTF-8"));
}

TEST(Regex, GivesUpOnPatternsThatExplode) {
  const auto regex = Regex::compile("(a|a)*(a|aa)*(aa|a)*b");
  ASSERT_TRUE(regex.ok());
  EXPECT_THROW(regex->split(std::string(5000, 'a')), base::Error);
  EXPECT_THAT(regex->split("xaabx"), ElementsAre("x", "aab", "x"));
  EXPECT_EQ(Regex::literal("(").replace("a(b", "$1"), "a$1b");
}

}  // namespace
}  // namespace zoetrope::text
