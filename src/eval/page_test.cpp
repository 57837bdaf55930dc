#include "eval/page.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/base64.h"
#include "eval/clip_index.h"
#include "eval/clip_store.h"
#include "eval/votes.h"
#include "media/image.h"
#include "support/temporary_folder.h"

namespace zoetrope::eval {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Frame t of clip `number` is all of one colour, so that a strip can be read back.
at::Tensor clip(int64_t number, int64_t side) {
  at::Tensor frames = at::empty({6, 16, 24, 3}, at::kByte);
  for (int64_t t = 0; t < 6; ++t) frames[t].fill_(40 * side + 10 * number + t);
  return frames;
}

std::vector<PagePair> pairs(int count) {
  std::vector<PagePair> found;
  for (int i = 0; i < count; ++i) {
    found.push_back({"clip </script><b>" + std::to_string(i), i, 0, i / 2, clip(i, 1), clip(i, 2)});
  }
  return found;
}

nlohmann::json data_of(const std::string& page) {
  const std::string open = R"(<script type="application/json" id="data">)";
  const size_t begin = page.find(open) + open.size();
  return nlohmann::json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

media::Image picture_of(const std::string& url) {
  const std::string bytes = base::from_base64(url.substr(url.find(',') + 1)).value();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  return media::read_image(std::span(data, bytes.size()), "strip").value_or_throw().image;
}

TEST(PageTest, TheSealSaysWhichSideIsWhich) {
  const std::string page = make_page("left-out", "other", pairs(12), 12, 5).value_or_throw();
  const nlohmann::json data = data_of(page);
  const PageKey key = unseal(data["seal"].get<std::string>(), "seal").value_or_throw();
  ASSERT_EQ(data["trials"].size(), 12);
  std::set<int64_t> clips;
  int a_left = 0;
  for (size_t i = 0; i < 12; ++i) {
    const int64_t number = key.trials[i].clip;
    clips.insert(number);
    a_left += key.trials[i].a_left ? 1 : 0;
    const int left_side = key.trials[i].a_left ? 1 : 2;
    const media::Image left = picture_of(data["trials"][i]["left"]);
    const media::Image right = picture_of(data["trials"][i]["right"]);
    EXPECT_EQ(left.width, 3 * 24);  // six frames on a grid of 3 x 2
    EXPECT_EQ(left.height, 2 * 16);
    EXPECT_EQ(*left.at(0, 0), 40 * left_side + 10 * number);
    EXPECT_EQ(*left.at(24, 16), 40 * left_side + 10 * number + 4) << "frame 4: second row, second";
    EXPECT_EQ(*right.at(0, 0), 40 * (3 - left_side) + 10 * number);
    EXPECT_EQ(data["trials"][i]["prompt"], "clip </script><b>" + std::to_string(number));
  }
  EXPECT_EQ(clips.size(), 12) << "every pair once";
  EXPECT_GT(a_left, 1);
  EXPECT_LT(a_left, 11);
}

TEST(PageTest, DoesNotShowTheNamesAndLetsNothingCloseTheScript) {
  const std::string page = make_page("student8", "teacher32", pairs(3), 12, 5).value_or_throw();
  EXPECT_THAT(page, Not(HasSubstr("student8")));
  EXPECT_THAT(page, Not(HasSubstr("teacher32")));
  EXPECT_THAT(page, Not(HasSubstr("clip </script>")));
  EXPECT_THAT(page, Not(HasSubstr("://")));
}

TEST(PageTest, ASeedGivesOnePage) {
  const auto page = [](uint64_t seed) {
    return make_page("a", "b", pairs(8), 12, seed).value_or_throw();
  };
  EXPECT_EQ(page(1), page(1));
  EXPECT_NE(data_of(page(1))["seal"], data_of(page(2))["seal"]);
}

TEST(PageTest, PairsThatDoNotFitAreRefused) {
  EXPECT_FALSE(make_page("a", "b", {}, 12, 0).ok());
  std::vector<PagePair> odd = pairs(2);
  odd[1].b = odd[1].b.narrow(0, 0, 4);
  EXPECT_THAT(make_page("a", "b", odd, 12, 0).status().message(), HasSubstr("clip 1"));
}

class ComparisonPageTest : public testing::Test {
 protected:
  ComparisonPageTest() {
    const ClipStore store(folder_.path() / "clips");
    for (int64_t i = 0; i < 4; ++i) {
      for (const auto& [name, side] : {std::pair{"x", 1}, {"y", 2}}) {
        EXPECT_TRUE(
            store.save(store.path(name, i, 3), "r", {clip(i, side), clip(i, side)[0], 1, "cpu"})
                .ok());
      }
    }
    EXPECT_TRUE(index_.write(folder_.path()).ok());
  }

  base::Result<std::string> page(const std::string& a, const std::string& b, int64_t limit = 0) {
    return page_of_comparison({folder_.path(), a, b, limit, 12, 0});
  }

  ClipIndex index_{{"x", "y", "z"}, {3}, {{0, "p", 0}, {1, "q", 0}, {2, "r", 1}, {3, "s", 1}}};
  test_support::TemporaryFolder folder_;
};

TEST_F(ComparisonPageTest, TakesTheClipsOfTheStore) {
  EXPECT_EQ(data_of(page("x", "y").value_or_throw())["trials"].size(), 4);
  EXPECT_EQ(data_of(page("x", "y", 2).value_or_throw())["trials"].size(), 2);
}

TEST_F(ComparisonPageTest, NamesWhatIsMissing) {
  EXPECT_THAT(page("x", "w").status().message(), HasSubstr("'w'"));
  EXPECT_THAT(page("x", "x").status().message(), HasSubstr("pair"));
  EXPECT_THAT(page("x", "z").status().message(), HasSubstr("0000-seed3.safetensors"));
  const auto elsewhere = page_of_comparison({folder_.path() / "none", "x", "y"});
  EXPECT_THAT(elsewhere.status().message(), HasSubstr("index.json"));
}

}  // namespace
}  // namespace zoetrope::eval
