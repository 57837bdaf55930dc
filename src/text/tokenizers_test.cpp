// Ids against transformers and the `tokenizers` package (tests/oracles/make_text.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "text/tokenizer.h"
#include "text/unicode.h"
#include "weights/test_files.h"

namespace zoetrope::text {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using weights::fixture;
using weights::read_bytes;
using Json = nlohmann::json;
using Ids = std::vector<std::int32_t>;

constexpr int kLong = 4096;  // nothing is cut

std::unique_ptr<Tokenizer> open(const std::string& folder) {
  auto tokenizer = open_tokenizer(folder);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  return std::move(tokenizer).value();
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

const Json& texts() {
  static const Json json = Json::parse(read_bytes(fixture("text/texts.json")));
  return json;
}

Ids ids_of(const Tokenizer& tokenizer, const std::string& text) {
  const Tokens tokens = tokenizer.encode(text, kLong, 0);
  return {tokens.ids.begin(), tokens.ids.begin() + tokens.length};
}

// The oracle's random_text: parts chosen by splitmix64, which starts from the number.
std::string random_text(std::uint64_t state) {
  const auto draw = [&](std::uint64_t limit) {
    state += 0x9E3779B97F4A7C15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z ^ (z >> 31)) % limit;
  };
  const Json& words = texts()["words"];
  const Json& ranges = texts()["ranges"];
  std::string text;
  for (std::uint64_t parts = draw(24); parts > 0; --parts) {
    const std::uint64_t kind = draw(4);
    if (kind == 0) {
      text += static_cast<char>(0x20 + draw(0x5F));
    } else if (kind == 1) {
      text += words[draw(words.size())].get_ref<const std::string&>();
    } else {
      const Json& range = ranges[draw(ranges.size())];
      const auto first = range[0].get<std::uint64_t>();
      append_utf8(text,
                  static_cast<char32_t>(first + draw(range[1].get<std::uint64_t>() - first + 1)));
    }
  }
  return text;
}

// FNV-1a over each list's length and ids as four bytes.
class Hash {
 public:
  void add(const Ids& ids) {
    add_number(static_cast<std::uint32_t>(ids.size()));
    for (const std::int32_t id : ids) add_number(static_cast<std::uint32_t>(id));
  }
  std::string hex() const {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value_));
    return text.data();
  }

 private:
  void add_number(std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) {
      value_ = (value_ ^ (number >> shift & 0xFF)) * 0x100000001B3;
    }
  }
  std::uint64_t value_ = 0xCBF29CE484222325;
};

// Stops at the first difference.
void compare(const Tokenizer& tokenizer, const std::string& cases) {
  const Json wanted = Json::parse(read_bytes(cases));
  ASSERT_EQ(wanted["ids"].size(), texts()["texts"].size());
  for (std::size_t i = 0; i < wanted["ids"].size(); ++i) {
    const std::string text = from_hex(texts()["texts"][i]);
    ASSERT_THAT(ids_of(tokenizer, text), ElementsAreArray(wanted["ids"][i].get<Ids>())) << text;
  }
  const auto block = texts()["block"].get<std::size_t>();
  ASSERT_EQ(wanted["random"].size() * block, 10'000U);
  for (std::size_t i = 0; i < wanted["random"].size(); ++i) {
    Hash hash;
    for (std::size_t k = 0; k < block; ++k) hash.add(ids_of(tokenizer, random_text(i * block + k)));
    ASSERT_EQ(hash.hex(), wanted["random"][i]) << "block " << i;
  }
}

struct Case {
  const char* folder;
  const char* cases;
};

class Tokenizers : public testing::TestWithParam<Case> {};

TEST_P(Tokenizers, EqualTheReference) {
  compare(*open(fixture("text/") + GetParam().folder), fixture("text/") + GetParam().cases);
}

INSTANTIATE_TEST_SUITE_P(All, Tokenizers,
                         testing::Values(Case{"t5_spiece", "t5_cases.json"},
                                         Case{"t5", "t5_cases.json"},
                                         Case{"umt5", "umt5_cases.json"},
                                         Case{"llama3", "llama3_cases.json"}),
                         [](const auto& info) { return info.param.folder; });

// For the oracle script: a tokenizer too large to commit, with its cases.
TEST(GivenTokenizer, EqualsTheReference) {
  const char* folder = std::getenv("ZOETROPE_TOKENIZER_CASES");
  if (folder == nullptr) GTEST_SKIP() << "ZOETROPE_TOKENIZER_CASES is not set";
  compare(*open(folder), std::string(folder) + "/cases.json");
}

}  // namespace
}  // namespace zoetrope::text
