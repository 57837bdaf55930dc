#include "weights/json_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/test_files.h"

namespace zoetrope::weights {
namespace {

using base::StatusCode;
using testing::ElementsAre;

std::string refusal(std::string_view text) {
  const auto objects = parse_json_lines(text, "x.jsonl");
  EXPECT_EQ(objects.status().code(), StatusCode::kDataLoss);
  return objects.status().message();
}

TEST(JsonLines, ReadsObjectsInOrder) {
  const auto objects = parse_json_lines(
      "{\"caption\": \"cyclone\", \"keywords\": [\"dizzy\", \"weather\"]}\r\n"
      "\n"
      "  {\"caption\": \"rainbow\"}",
      "x.jsonl");
  ASSERT_TRUE(objects.ok()) << objects.status().message();
  ASSERT_EQ(objects->size(), 2u);
  EXPECT_THAT((*objects)[0].require<std::vector<std::string>>("keywords"),
              ElementsAre("dizzy", "weather"));
  EXPECT_EQ((*objects)[1].require<std::string>("caption"), "rainbow");
  EXPECT_EQ((*objects)[1].source(), "x.jsonl:3");
}

TEST(JsonLines, EmptyFilesHaveNoObjects) {
  EXPECT_TRUE(parse_json_lines("", "x")->empty());
  EXPECT_TRUE(parse_json_lines("\n \r\n\n", "x")->empty());
}

TEST(JsonLines, ErrorsNameTheLine) {
  EXPECT_EQ(refusal("{}\n{\"a\": }\n{}"), "x.jsonl:2: not valid JSON at byte 7");
  EXPECT_EQ(refusal("{}\n\n[]"), "x.jsonl:3: not a JSON object");
  EXPECT_EQ(refusal("{} {}"), "x.jsonl:1: not valid JSON at byte 4");
  EXPECT_EQ(refusal("{\"a\": \"\xff\"}"), "x.jsonl:1: not valid JSON at byte 8");
  EXPECT_EQ(refusal("{\"a\": 1, \"a\": 1}"), "x.jsonl:1: JSON refused: duplicate key 'a'");
  std::string long_line((1 << 20) + 3, ' ');
  long_line[0] = long_line[1] = '\n';
  EXPECT_EQ(refusal(long_line), "x.jsonl:3: a line of more than 1048576 bytes");
  EXPECT_EQ(refusal(std::string(1'000'001, '\n')), "x.jsonl:1000001: more than 1000000 lines");
  try {
    parse_json_lines("{}\n{\"caption\": 3}", "x.jsonl").value()[1].require<std::string>("caption");
    FAIL();
  } catch (const base::Error& error) {
    EXPECT_STREQ(error.what(), "x.jsonl:2: field 'caption' must be a string");
  }
}

TEST(JsonLines, ReadsFiles) {
  const TempFolder folder;
  EXPECT_EQ(read_json_lines(folder / "x.jsonl").status().code(), StatusCode::kNotFound);
  write_bytes(folder / "x.jsonl", "{}\n[]\n");
  EXPECT_EQ(read_json_lines(folder / "x.jsonl").status().message(),
            (folder / "x.jsonl") + ":2: not a JSON object");
}

}  // namespace
}  // namespace zoetrope::weights
