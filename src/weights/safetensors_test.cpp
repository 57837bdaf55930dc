#include "weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "weights/test_files.h"

namespace zoetrope::weights {
namespace {

using base::StatusCode;
using testing::HasSubstr;

std::string with_header(const std::string& header, std::size_t data_bytes = 0) {
  const std::uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  return file + header + std::string(data_bytes, '\1');
}

base::Result<SafetensorsContent> parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "x.safetensors");
}

// The message with which a file is refused; empty when it is accepted.
std::string refusal(const std::string& file) {
  const auto content = parse(file);
  if (content.ok()) return "";
  EXPECT_EQ(content.status().code(), StatusCode::kDataLoss);
  EXPECT_THAT(content.status().message(), testing::StartsWith("x.safetensors: "));
  EXPECT_EQ(content.status().message().find('\n'), std::string::npos);
  return content.status().message();
}

TEST(Safetensors, ReadsEveryDtypeOfTheReferenceWriter) {
  const auto file = SafetensorsFile::open(fixture("weights/python.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_THAT(file->metadata(), testing::ElementsAre(testing::Pair("format", "pt")));
  ASSERT_EQ(file->tensors().size(), 14u);
  for (const TensorEntry& entry : file->tensors()) {
    if (entry.name == "scalar" || entry.name == "empty") continue;
    EXPECT_EQ(entry.name, to_string(entry.type));
    EXPECT_THAT(entry.shape, testing::ElementsAre(2, 3));
    EXPECT_EQ(entry.bytes.size(), 6 * size_of(entry.type));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry.bytes.data()) % size_of(entry.type), 0u);
  }
  EXPECT_TRUE(file->find("scalar")->shape.empty());
  EXPECT_EQ(file->find("empty")->bytes.size(), 0u);
  EXPECT_EQ(file->find("nothing"), nullptr);

  float values[6];
  std::memcpy(values, file->find("F32")->bytes.data(), sizeof values);
  EXPECT_THAT(values, testing::ElementsAre(0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f));
}

TEST(Safetensors, WritesTheBytesOfTheReferenceWriter) {
  const TempFolder folder;
  const auto file = SafetensorsFile::open(fixture("weights/python.safetensors"));
  ASSERT_TRUE(file.ok());
  // In another order than the file's: the writer sorts.
  std::vector<TensorEntry> shuffled(file->tensors().rbegin(), file->tensors().rend());
  const auto status = write_safetensors(folder / "copy.safetensors", shuffled, file->metadata());
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read_bytes(folder / "copy.safetensors"),
            read_bytes(fixture("weights/python.safetensors")));
}

TEST(Safetensors, AcceptsAFileWithoutTensors) {
  EXPECT_EQ(refusal(with_header("{}")), "");
  EXPECT_EQ(refusal(with_header("{}      ")), "");
  EXPECT_EQ(refusal(with_header(R"({"__metadata__":{"a":"b"}})")), "");
}

TEST(Safetensors, RefusesBrokenHeaders) {
  EXPECT_THAT(refusal(""), HasSubstr("too short"));
  EXPECT_THAT(refusal("1234567"), HasSubstr("too short"));
  EXPECT_THAT(refusal(std::string(8, '\xff')), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refusal(with_header("{}").substr(0, 9)), HasSubstr("truncated"));
  EXPECT_THAT(refusal(with_header("[]")), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refusal(with_header("{")), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(with_header("{\"\xff\":1}")), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(with_header(R"({"a":[[[[1]]]]})")), HasSubstr("nested deeper"));
  EXPECT_THAT(refusal(with_header("{\"a\":" + std::string(100'000, '['))),
              HasSubstr("nested deeper"));
  EXPECT_THAT(refusal(with_header(R"({"a":{},"a":{}})")), HasSubstr("duplicate key 'a'"));
  EXPECT_THAT(refusal(with_header(R"({"__metadata__":{"a":1}})")), HasSubstr("__metadata__ 'a'"));
  EXPECT_THAT(refusal(with_header(R"({"__metadata__":[]})")), HasSubstr("__metadata__"));
  EXPECT_THAT(refusal(with_header("{\"a\nb\":1}")), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(with_header("{\"a\\nb\":1}")), HasSubstr("tensor 'a?b'"));
}

struct BadEntry {
  const char* entry;
  std::size_t data_bytes;
  const char* message;
};

class SafetensorsEntry : public testing::TestWithParam<BadEntry> {};

TEST_P(SafetensorsEntry, IsRefused) {
  const BadEntry& bad = GetParam();
  const std::string file = with_header(std::string("{\"w\":") + bad.entry + "}", bad.data_bytes);
  EXPECT_THAT(refusal(file), HasSubstr(std::string("tensor 'w': ") + bad.message));
}

INSTANTIATE_TEST_SUITE_P(
    All, SafetensorsEntry,
    testing::Values(
        BadEntry{"1", 0, "its header entry"}, BadEntry{"{}", 0, "no dtype"},
        BadEntry{R"({"dtype":1,"shape":[],"data_offsets":[0,4]})", 4, "no dtype"},
        BadEntry{R"({"dtype":"F32","shape":3,"data_offsets":[0,4]})", 4, "no shape"},
        BadEntry{R"({"dtype":"F32","shape":[1]})", 4, "no data_offsets"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1})", 4, "unknown"},
        BadEntry{R"({"dtype":"F4","shape":[1],"data_offsets":[0,4]})", 4, "unknown dtype 'F4'"},
        BadEntry{R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4, "shape"},
        BadEntry{R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", 4, "shape"},
        BadEntry{R"({"dtype":"F32","shape":["1"],"data_offsets":[0,4]})", 4, "shape"},
        BadEntry{R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0,
                 "shape"},
        BadEntry{R"({"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0,
                 "shape"},
        BadEntry{R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]})", 4,
                 "shape"},
        BadEntry{R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,4]})", 4,
                 "shape"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", 4, "data_offsets"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[0,4.0]})", 4, "data_offsets"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4, "data_offsets [4, 0]"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 3, "data_offsets [0, 4]"},
        BadEntry{R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4, "4 bytes of data"},
        BadEntry{R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", 8,
                 "its data leaves a gap"}));

TEST(Safetensors, RefusesDataThatIsNotCoveredExactlyOnce) {
  const auto pair = [](const char* second, std::size_t bytes) {
    return refusal(
        with_header(std::string(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)") +
                        R"("b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}",
                    bytes));
  };
  EXPECT_EQ(pair("[4,8]", 8), "");
  EXPECT_THAT(pair("[2,6]", 6), HasSubstr("tensor 'b': its data overlaps"));
  EXPECT_THAT(pair("[5,9]", 9), HasSubstr("tensor 'b': its data leaves a gap"));
  EXPECT_THAT(pair("[4,8]", 9), HasSubstr("1 bytes of data belong to no tensor"));
}

TEST(Safetensors, EveryTruncationAndEveryChangedHeaderByteIsHandled) {
  const std::string good = read_bytes(fixture("weights/python.safetensors"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(refusal(good.substr(0, size)), "") << size;
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, good.data(), sizeof header_bytes);
  for (std::size_t i = 0; i < sizeof header_bytes + header_bytes; ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    const auto content = parse(changed);  // must not crash; whatever is accepted must be in bounds
    if (!content.ok()) continue;
    for (const TensorEntry& entry : content->tensors) {
      const auto* begin = reinterpret_cast<const char*>(entry.bytes.data());
      EXPECT_GE(begin, changed.data());
      EXPECT_LE(begin + entry.bytes.size(), changed.data() + changed.size());
    }
  }
}

TEST(Safetensors, OpenNamesTheFile) {
  const TempFolder folder;
  EXPECT_EQ(SafetensorsFile::open(folder / "none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(SafetensorsFile::open(folder.path()).status().message(),
            folder.path() + ": not a regular file");
  write_bytes(folder / "empty", "");
  EXPECT_EQ(SafetensorsFile::open(folder / "empty").status().message(),
            (folder / "empty") + ": too short for a safetensors file (0 bytes)");
}

TEST(SafetensorsWriter, RefusesEntriesThatDoNotFit) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  const std::vector<std::byte> bytes(8);
  const auto message = [&](std::vector<TensorEntry> tensors) {
    const auto status = write_safetensors(path, tensors);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_FALSE(std::filesystem::exists(path));
    return status.message();
  };
  EXPECT_THAT(message({{"a", ElementType::kF32, {3}, bytes}}), HasSubstr("do not match"));
  EXPECT_THAT(message({{"a", ElementType::kF32, {-2}, bytes}}), HasSubstr("impossible shape"));
  EXPECT_THAT(message({{"__metadata__", ElementType::kF32, {2}, bytes}}), HasSubstr("reserved"));
  EXPECT_THAT(message({{"\xff", ElementType::kF32, {2}, bytes}}), HasSubstr("not UTF-8"));
  EXPECT_THAT(message({{"a", ElementType::kF32, {2}, bytes}, {"a", ElementType::kF32, {2}, bytes}}),
              HasSubstr("two tensors named 'a'"));
}

TEST(SafetensorsWriter, ReplacesAFileWholeAndSyncs) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  write_bytes(path, "old");
  const std::vector<std::byte> bytes(8);
  const TensorEntry entry{"a", ElementType::kF32, {2}, bytes};
  const auto status = write_safetensors(path, {&entry, 1}, {{"step", "3"}}, /*sync=*/true);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->metadata().at("step"), "3");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(SafetensorsWriter, LeavesNothingBehindWhenTheDiskIsFull) {
  const TempFolder folder;
  const std::string path = folder / "x.safetensors";
  const std::vector<std::byte> bytes(1 << 20);
  const TensorEntry entry{"a", ElementType::kU8, {1 << 20}, bytes};
  // A limit on the size of files stands for the full disk: write() fails half-way.
  struct rlimit before {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1 << 16, before.rlim_max };
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto status = write_safetensors(path, {&entry, 1});
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), testing::StartsWith(path + ": cannot write: "));
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(SafetensorsWriter, SaysWhenTheFolderIsMissing) {
  const TempFolder folder;
  const auto status = write_safetensors(folder / "none/x.safetensors", {});
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("none/x.safetensors: cannot create"));
}

}  // namespace
}  // namespace zoetrope::weights
