// The parts that need no server: errors, targets, ranges, forms, and whether openapi.json says what
// the router does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/api_error.h"
#include "http/byte_range.h"
#include "http/multipart.h"
#include "http/openapi.h"
#include "http/rate_limiter.h"
#include "http/router.h"
#include "http/sha256.h"
#include "http/target.h"

namespace zoetrope::http {
namespace {

using base::Status;
using base::StatusCode;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ApiError, EveryCodeHasItsStatus) {
  const std::map<StatusCode, int> expected = {{StatusCode::kOk, 200},
                                              {StatusCode::kCancelled, 409},
                                              {StatusCode::kUnknown, 500},
                                              {StatusCode::kInvalidArgument, 400},
                                              {StatusCode::kDeadlineExceeded, 504},
                                              {StatusCode::kNotFound, 404},
                                              {StatusCode::kAlreadyExists, 409},
                                              {StatusCode::kPermissionDenied, 403},
                                              {StatusCode::kResourceExhausted, 429},
                                              {StatusCode::kFailedPrecondition, 409},
                                              {StatusCode::kAborted, 409},
                                              {StatusCode::kOutOfRange, 400},
                                              {StatusCode::kUnimplemented, 501},
                                              {StatusCode::kInternal, 500},
                                              {StatusCode::kUnavailable, 503},
                                              {StatusCode::kDataLoss, 500},
                                              {StatusCode::kUnauthenticated, 401}};
  for (int code = 0; code <= 16; ++code) {
    const auto status = static_cast<StatusCode>(code);
    ASSERT_TRUE(expected.contains(status)) << code;
    EXPECT_EQ(http_status(status), expected.at(status)) << code;
  }
}

TEST(ApiError, NamesFieldsAsTheApiDoes) {
  const ApiError error = api_error(base::invalid_argument("steps: 0 is not between 1 and 9"));
  EXPECT_EQ(error.param, "num_inference_steps");
  EXPECT_EQ(error.message, "num_inference_steps: 0 is not between 1 and 9");
  EXPECT_EQ(api_error(base::invalid_argument("no field at all")).param, "");
  EXPECT_EQ(api_error(base::resource_exhausted("busy: another job runs")).param, "");
  const ApiError secret = api_error(base::internal_error("jobs.db: line 7"));
  EXPECT_THAT(error_body(secret), ::testing::Not(HasSubstr("line 7")));
  const json body = json::parse(error_body(api_error(Status(StatusCode::kNotFound, "\xff: x"))));
  EXPECT_EQ(body["error"]["type"], "invalid_request_error");
}

TEST(Target, IsDecoded) {
  const auto target = parse_target("/a%20b/c?x=1&y=%26+&x=2&flag");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->path, "/a b/c");
  EXPECT_EQ(target->find("x"), "2");
  EXPECT_EQ(target->find("y"), "& ");
  EXPECT_EQ(target->find("flag"), "");
  EXPECT_FALSE(target->find("z"));
  for (const char* bad : {"", "a", "*", "/%", "/%4", "/%gg", "/%0a", "/?%00"}) {
    EXPECT_FALSE(parse_target(bad).ok()) << bad;
  }
}

TEST(ByteRange, FollowsTheStandard) {
  const auto range = [](std::string_view header) {
    const auto found = parse_range(header, 100);
    return found ? std::pair(found->first, found->length) : std::pair<int64_t, int64_t>(-1, -1);
  };
  EXPECT_EQ(range("bytes=0-0"), std::pair(int64_t{0}, int64_t{1}));
  EXPECT_EQ(range("bytes=10-19"), std::pair(int64_t{10}, int64_t{10}));
  EXPECT_EQ(range("bytes=90-500"), std::pair(int64_t{90}, int64_t{10}));
  EXPECT_EQ(range("bytes=-1"), std::pair(int64_t{99}, int64_t{1}));
  EXPECT_EQ(range("bytes=-500"), std::pair(int64_t{0}, int64_t{100}));
  EXPECT_EQ(range("bytes=100-"), std::pair(int64_t{0}, int64_t{0}));
  EXPECT_EQ(range("bytes=-0").second, 0);
  for (const char* ignored : {"", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "lines=0-1",
                              "bytes=0-1,3-4", "bytes=--1", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(range(ignored).first, -1) << ignored;
  }
}

TEST(Multipart, IsTakenApart) {
  const std::string body =
      "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
      "--b  \r\ncontent-disposition: FORM-DATA; name=b; filename=\"x \\\"y\\\".png\"\r\n"
      "Content-Type: image/png\r\n\r\n\r\n-b\r\n--\r\n--b--\r\nepilogue";
  const auto parts = parse_multipart(body, "b");
  ASSERT_TRUE(parts.ok()) << parts.status().message();
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].name, "a");
  EXPECT_EQ((*parts)[0].filename, std::nullopt);
  EXPECT_EQ((*parts)[1].filename, "x \"y\".png");
  EXPECT_EQ((*parts)[1].content, "\r\n-b\r\n--");
  EXPECT_EQ(multipart_boundary("multipart/form-data; charset=x; Boundary=\"a b\"").value_or_throw(),
            "a b");
  EXPECT_FALSE(multipart_boundary("multipart/form-data").ok());
  EXPECT_FALSE(multipart_boundary("multipart/form-data; boundary=" + std::string(71, 'x')).ok());
}

TEST(Multipart, ContentIsKeptToTheByte) {
  const std::string content("\r\n--x\r\n\0 end\r\n", 14);
  const std::string body = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + content +
                           "\r\n--b\r\nContent-Disposition: form-data; name=e\r\n\r\n\r\n--b--";
  const auto parts = parse_multipart(body, "b");
  ASSERT_TRUE(parts.ok()) << parts.status().message();
  EXPECT_EQ((*parts)[0].content, content);
  EXPECT_EQ((*parts)[1].content, "");
}

TEST(Sha256, IsTheOneOfTheStandard) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Openapi, ListsWhatTheRouterHas) {
  const json description = json::parse(openapi_json());
  std::map<std::string, std::set<int>> documented, routed;
  for (const auto& [path, methods] : description["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      std::set<int>& statuses = documented[method + " " + path];
      for (const auto& [status, response] : operation["responses"].items()) {
        statuses.insert(std::stoi(status));
      }
    }
  }
  for (const Route& route : all_routes()) {
    std::string method(boost::beast::http::to_string(route.method));
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    routed[method + " " + std::string(route.path)] = statuses_of(route);
  }
  EXPECT_EQ(documented, routed);
}

TEST(Openapi, SaysWhichRoutesNeedNoKey) {
  const json description = json::parse(openapi_json());
  for (const Route& route : all_routes()) {
    std::string method(boost::beast::http::to_string(route.method));
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const json operation = description["paths"][std::string(route.path)][method];
    EXPECT_EQ(operation.contains("security"), route.open) << route.path;
    EXPECT_EQ(operation.contains("requestBody"), route.body != Body::kNone) << route.path;
  }
}

TEST(Router, PrefersWhatIsWrittenOut) {
  using boost::beast::http::verb;
  EXPECT_EQ(match_route(verb::post, "/v1/videos/sync").route->path, "/v1/videos/sync");
  EXPECT_EQ(match_route(verb::get, "/v1/videos/abc").id, "abc");
  EXPECT_EQ(match_route(verb::get, "/v1/videos/a/b").route, nullptr);
  EXPECT_EQ(match_route(verb::get, "/v1/videos/").route, nullptr);
  EXPECT_EQ(match_route(verb::patch, "/v1/models").allow, "GET");
}

}  // namespace
}  // namespace zoetrope::http
