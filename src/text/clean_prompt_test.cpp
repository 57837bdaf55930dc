#include "text/clean_prompt.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "weights/test_files.h"

namespace zoetrope::text {
namespace {

// tests/oracles/make_text.py: what diffusers' prompt_clean made of each.
TEST(CleanPrompt, EqualsTheReference) {
  const auto cases =
      nlohmann::json::parse(weights::read_bytes(weights::fixture("text/prompts.json")));
  ASSERT_GT(cases.size(), 30U);
  for (const auto& [prompt, cleaned] :
       cases.get<std::vector<std::pair<std::string, std::string>>>()) {
    EXPECT_EQ(clean_prompt(prompt), cleaned) << prompt;
  }
}

TEST(CleanPrompt, TakesAnyBytes) { EXPECT_EQ(clean_prompt("\xff &amp;\xc3 "), "\ufffd &\ufffd"); }

}  // namespace
}  // namespace zoetrope::text
