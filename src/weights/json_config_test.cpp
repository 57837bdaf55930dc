#include "weights/json_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weights/test_files.h"

namespace zoetrope::weights {
namespace {

using base::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

JsonObject object(const char* text) {
  auto parsed = JsonObject::parse(text, "config.json");
  EXPECT_TRUE(parsed.ok()) << parsed.status().message();
  return std::move(parsed).value();
}

template <typename T>
std::string error_of(const JsonObject& config, const std::string& key) {
  try {
    static_cast<void>(config.require<T>(key));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.status().code(), StatusCode::kDataLoss);
    return error.what();
  }
  return "";
}

TEST(JsonConfig, ReadsEveryType) {
  const JsonObject config =
      object(R"({"_class_name": "X", "in_channels": 4, "eps": 1e-5, "on": true,
      "widths": [32, 64], "names": ["a", "b"], "rates": [1, 0.5],
      "inner": {"size": -7, "list": [{"k": 3000000000}]}, "nothing": null})");
  EXPECT_EQ(config.get<std::string>("_class_name", ""), "X");
  EXPECT_EQ(config.get<int>("in_channels", 1), 4);
  EXPECT_EQ(config.get<int64_t>("in_channels", 1), 4);
  EXPECT_DOUBLE_EQ(config.get<double>("eps", 0), 1e-5);
  EXPECT_FLOAT_EQ(config.get<float>("in_channels", 0), 4.0f);
  EXPECT_TRUE(config.get<bool>("on", false));
  EXPECT_THAT(config.require<std::vector<int64_t>>("widths"), ElementsAre(32, 64));
  EXPECT_THAT(config.require<std::vector<std::string>>("names"), ElementsAre("a", "b"));
  EXPECT_THAT(config.require<std::vector<double>>("rates"), ElementsAre(1.0, 0.5));
  const auto inner = config.require<JsonObject>("inner");
  EXPECT_EQ(inner.require<int>("size"), -7);
  EXPECT_EQ(inner.require<std::vector<JsonObject>>("list")[0].require<int64_t>("k"), 3000000000);
}

TEST(JsonConfig, AbsentAndNullTakeTheDefault) {
  const JsonObject config = object(R"({"nothing": null, "x": [1], "y": {}})");
  EXPECT_EQ(config.get<int>("nothing", 5), 5);
  EXPECT_EQ(config.get<std::string>("missing", "d"), "d");
  EXPECT_FALSE(config.has("nothing"));
  EXPECT_TRUE(config.is_list("x"));
  EXPECT_FALSE(config.is_list("y"));
  EXPECT_TRUE(config.is_object("y"));
  EXPECT_THAT(config.keys(), ElementsAre("x", "y"));
  EXPECT_EQ(error_of<int>(config, "nothing"), "config.json: field 'nothing' is missing");
}

TEST(JsonConfig, ErrorsNameFileFieldAndType) {
  const JsonObject config = object(
      R"({"a": "4", "b": 4.0, "c": 3000000000, "d": 18446744073709551615, "e": [1, "2"], "f": 1,
          "g": {"h": {"i": []}}})");
  EXPECT_EQ(error_of<int>(config, "a"), "config.json: field 'a' must be an integer");
  EXPECT_EQ(error_of<int>(config, "b"), "config.json: field 'b' must be an integer");
  EXPECT_EQ(error_of<int>(config, "c"), "config.json: field 'c' must be an integer of 32 bits");
  EXPECT_EQ(error_of<int64_t>(config, "d"), "config.json: field 'd' must be an integer");
  EXPECT_EQ(error_of<std::vector<int64_t>>(config, "e"),
            "config.json: field 'e[1]' must be an integer");
  EXPECT_EQ(error_of<std::vector<int64_t>>(config, "f"), "config.json: field 'f' must be a list");
  EXPECT_EQ(error_of<bool>(config, "f"), "config.json: field 'f' must be true or false");
  EXPECT_EQ(error_of<std::string>(config, "f"), "config.json: field 'f' must be a string");
  EXPECT_EQ(error_of<JsonObject>(config, "f"), "config.json: field 'f' must be an object");
  EXPECT_EQ(error_of<double>(config, "a"), "config.json: field 'a' must be a number");
  const auto inner = config.require<JsonObject>("g").require<JsonObject>("h");
  EXPECT_EQ(error_of<int>(inner, "i"), "config.json: field 'g.h.i' must be an integer");
}

TEST(JsonConfig, NestedObjectsOutliveTheDocument) {
  const auto inner = [] { return object(R"({"a": {"b": "kept"}})").require<JsonObject>("a"); }();
  EXPECT_EQ(inner.require<std::string>("b"), "kept");
}

TEST(JsonConfig, RefusesWhatIsNotAnObjectOrTooLarge) {
  const auto refusal = [](const std::string& text) {
    return JsonObject::parse(text, "config.json").status().message();
  };
  EXPECT_EQ(refusal("[1]"), "config.json: not a JSON object");
  EXPECT_EQ(refusal(R"({"a": )"), "config.json: not valid JSON at byte 7");
  EXPECT_EQ(refusal(R"({"a": NaN})"), "config.json: not valid JSON at byte 7");
  EXPECT_EQ(refusal(R"({"a": 1e999})"), "config.json: JSON with a value out of range");
  EXPECT_THAT(refusal(R"({"a": 1, "a": 2})"), HasSubstr("duplicate key 'a'"));
  EXPECT_THAT(refusal("{\"a\": " + std::string(40, '[') + std::string(40, ']') + "}"),
              HasSubstr("nested deeper than 32 levels"));
  EXPECT_THAT(refusal("{\"a\": \"" + std::string(5 << 20, 'x') + "\"}"), HasSubstr("the limit"));
  std::string many = "{\"a\": [0";
  for (int i = 0; i < 100'000; ++i) many += ",0";
  EXPECT_THAT(refusal(many + "]}"), HasSubstr("more than 100000 values"));
}

TEST(JsonConfig, ReadsFiles) {
  const TempFolder folder;
  EXPECT_EQ(JsonObject::read(folder / "config.json").status().code(), StatusCode::kNotFound);
  write_bytes(folder / "config.json", R"({"a": 1})");
  const auto config = JsonObject::read(folder / "config.json");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(error_of<bool>(*config, "a"),
            (folder / "config.json") + ": field 'a' must be true or false");
}

}  // namespace
}  // namespace zoetrope::weights
