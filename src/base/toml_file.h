// A TOML file read field by field. Every complaint is one line that starts with file, line and
// field: "fleet.toml:12: regions[2].import: ...".
//
//   ZT_ASSIGN_OR_RETURN(TomlFile file, TomlFile::parse(text, "fleet.toml"));
//   TomlTable manager = file.root().table("manager");
//   options.epoch_seconds = manager.number("epoch_seconds", {.least = 0.1, .most = 60}, 5);
//   ZT_RETURN_IF_ERROR(file.finish());
//
// The first complaint is kept and reading goes on with fallback values, so that readers need no
// branches; finish() gives the complaint that comes first in the file, fields that nobody asked for
// among them. A TomlTable is a view: it must not outlive its file. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::base {

struct NumberRange {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
};

struct WholeRange {
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
};

class TomlTable;

class TomlFile {
 public:
  static Result<TomlFile> read(const std::filesystem::path& path);
  static Result<TomlFile> parse(std::string_view text, std::string_view source);
  TomlFile(TomlFile&&) noexcept;
  TomlFile& operator=(TomlFile&&) noexcept;
  ~TomlFile();

  TomlTable root();
  Status finish();

 private:
  friend class TomlTable;
  struct State;
  explicit TomlFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Without a fallback a field must be there. A table that is not there is empty.
class TomlTable {
 public:
  bool has(std::string_view key) const;
  std::vector<std::string> keys() const;  // in alphabetical order

  std::string text(std::string_view key, std::optional<std::string> fallback = {}) const;
  double number(std::string_view key, NumberRange range, std::optional<double> fallback = {}) const;
  int64_t whole(std::string_view key, WholeRange range, std::optional<int64_t> fallback = {}) const;
  bool flag(std::string_view key, std::optional<bool> fallback = {}) const;
  std::vector<std::string> texts(std::string_view key,
                                 std::optional<std::vector<std::string>> fallback = {}) const;
  std::vector<double> numbers(std::string_view key, NumberRange range,
                              std::optional<std::vector<double>> fallback = {}) const;
  TomlTable table(std::string_view key) const;
  std::vector<TomlTable> tables(std::string_view key) const;  // [[key]]

  // A complaint of the reader's own about this field.
  void fail(std::string_view key, std::string_view what) const;

 private:
  friend class TomlFile;
  struct Access;
  TomlTable(TomlFile::State* state, size_t index) : state_(state), index_(index) {}
  TomlFile::State* state_;
  size_t index_;
};

}  // namespace zoetrope::base
