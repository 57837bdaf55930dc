#include "eval/votes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace zoetrope::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

PageKey key() {
  return {"student", "teacher", {{true, 3, 0, 0}, {false, 5, 0, 1}, {true, 8, 0, 2}}};
}

nlohmann::json votes_json() {
  return {{"zoetrope_votes", 1},
          {"page", "00112233"},
          {"seal", seal(key())},
          {"votes",
           {{{"trial", 0}, {"choice", "left"}, {"ms", 900}},
            {{"trial", 1}, {"choice", "left"}, {"ms", 800}},
            {{"trial", 2}, {"choice", "same"}, {"ms", 700}}}}};
}

Tally count(const std::vector<VoteFile>& files) {
  const std::vector<std::string> names(files.size(), "votes.json");
  return tally(files, names, 200, 0).value_or_throw();
}

TEST(VotesTest, AreTakenToTheSideTheyWereCastFor) {
  const VoteFile file = parse_votes(votes_json().dump(), "v").value_or_throw();
  EXPECT_EQ(file.page, "00112233");
  const Tally found = count({file});
  EXPECT_EQ(found.a, "student");
  EXPECT_EQ(found.a_better, 1) << "left, where the student was";
  EXPECT_EQ(found.b_better, 1) << "left, where the teacher was";
  EXPECT_EQ(found.same, 1);
  EXPECT_DOUBLE_EQ(found.score.value, 0.5);
}

TEST(VotesTest, OfSeveralRatersAddUp) {
  const VoteFile file = parse_votes(votes_json().dump(), "v").value_or_throw();
  const Tally found = count({file, file});
  EXPECT_EQ(found.votes(), 6);
  EXPECT_EQ(found.raters, 2);
  VoteFile other = file;
  other.key.b = "somebody";
  const std::vector<VoteFile> files = {file, other};
  const std::vector<std::string> names = {"one.json", "two.json"};
  EXPECT_THAT(tally(files, names, 10, 0).status().message(), StartsWith("two.json"));
}

TEST(VotesTest, WithoutAVoteThereIsNothingToCount) {
  nlohmann::json json = votes_json();
  json["votes"] = nlohmann::json::array();
  const std::vector<VoteFile> files = {parse_votes(json.dump(), "v").value_or_throw()};
  const std::vector<std::string> names = {"v"};
  EXPECT_FALSE(tally(files, names, 10, 0).ok());
}

void expect_refused(const nlohmann::json& json, const std::string& named) {
  const auto refused = parse_votes(json.dump(), "votes.json");
  ASSERT_FALSE(refused.ok()) << json;
  EXPECT_THAT(refused.status().message(), StartsWith("votes.json: "));
  EXPECT_THAT(refused.status().message(), HasSubstr(named));
  EXPECT_EQ(refused.status().message().find('\n'), std::string::npos);
}

TEST(VotesTest, MalformedFilesAreRefusedByTheirField) {
  for (const char* field : {"zoetrope_votes", "page", "seal", "votes"}) {
    nlohmann::json json = votes_json();
    json.erase(field);
    expect_refused(json, field);
  }
  nlohmann::json json = votes_json();
  json["zoetrope_votes"] = 2;
  expect_refused(json, "zoetrope_votes");
  json = votes_json();
  json["votes"][1]["choice"] = "maybe";
  expect_refused(json, "votes[1].choice");
  json = votes_json();
  json["votes"][2]["trial"] = 3;
  expect_refused(json, "votes[2].trial");
  json = votes_json();
  json["votes"][2]["trial"] = 0;
  expect_refused(json, "votes[2].trial");
  json = votes_json();
  json["votes"][0].erase("trial");
  expect_refused(json, "votes[0].trial");
  json = votes_json();
  json["seal"] = "!!!!";
  expect_refused(json, "seal");
  json["seal"] = "e30=";  // {}
  expect_refused(json, "seal");
  EXPECT_FALSE(parse_votes("", "votes.json").ok());
  EXPECT_FALSE(parse_votes("[]", "votes.json").ok());
}

TEST(WilsonTest, AgreesWithThePublishedTable) {
  // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
  const Interval of_81 = wilson(81, 263);
  EXPECT_NEAR(of_81.low, 0.2553, 5e-5);
  EXPECT_NEAR(of_81.high, 0.3662, 5e-5);
  const Interval of_15 = wilson(15, 148);
  EXPECT_NEAR(of_15.low, 0.0624, 5e-5);
  EXPECT_NEAR(of_15.high, 0.1605, 5e-5);
  EXPECT_NEAR(wilson(0, 20).high, 0.1611, 5e-5);
  EXPECT_EQ(wilson(0, 20).low, 0);
  EXPECT_NEAR(wilson(1, 29).low, 0.0061, 5e-5);
  EXPECT_EQ(wilson(0, 0).high, 1);
}

RC_GTEST_PROP(Base64Property, ThereAndBack, (const std::string& bytes)) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  RC_ASSERT(base::from_base64(base::to_base64({data, bytes.size()})) == bytes);
}

RC_GTEST_PROP(SealProperty, HoldsWhatWasPutIn, ()) {
  PageKey put{*rc::gen::container<std::string>(rc::gen::inRange(' ', '~')), "b", {}};
  for (const int clip : *rc::gen::container<std::vector<int>>(rc::gen::arbitrary<int>())) {
    put.trials.push_back({clip % 2 == 0, clip, 7, clip});
  }
  const PageKey got = unseal(seal(put), "x").value_or_throw();
  RC_ASSERT(got.a == put.a);
  RC_ASSERT(got.trials.size() == put.trials.size());
  for (size_t i = 0; i < put.trials.size(); ++i) {
    RC_ASSERT(got.trials[i].a_left == put.trials[i].a_left);
    RC_ASSERT(got.trials[i].clip == put.trials[i].clip);
  }
}

RC_GTEST_PROP(VotesProperty, AnyChangeOfAByteIsReadOrRefused, ()) {
  std::string text = votes_json().dump();
  text[*rc::gen::inRange<size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  const auto read = parse_votes(text, "v");
  if (!read.ok()) {
    RC_ASSERT(read.status().message().starts_with("v"));
  } else {
    for (const Vote& vote : read->votes) {
      RC_ASSERT(static_cast<size_t>(vote.trial) < read->key.trials.size());
    }
  }
}

}  // namespace
}  // namespace zoetrope::eval
