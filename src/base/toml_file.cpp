#include "base/toml_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <type_traits>
#include <utility>

#include "base/in_quotes.h"

namespace zoetrope::base {
namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;

uint32_t line_of(const toml::node& node) { return node.source().begin.line; }

}  // namespace

struct TomlFile::State {
  struct Table {
    const toml::table* node;  // nullptr = not in the file
    std::string path;
    uint32_t line;
    std::set<std::string, std::less<>> asked;
  };
  struct Complaint {
    uint32_t line;
    std::string message;
  };

  std::string source;
  toml::table root;
  std::vector<Table> tables;
  std::optional<Complaint> first;

  void complain(uint32_t line, std::string_view field, std::string_view what) {
    if (first && first->line <= line) return;
    first = Complaint{line, fmt::format("{}:{}: {}: {}", source, line, field, what)};
  }
  size_t add(const toml::table* node, std::string path, uint32_t line) {
    tables.push_back({node, std::move(path), line, {}});
    return tables.size() - 1;
  }
  std::string field(size_t index, std::string_view key) const {
    const std::string& path = tables[index].path;
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  const toml::node* find(size_t index, std::string_view key) {
    Table& table = tables[index];
    table.asked.insert(std::string(key));
    return table.node == nullptr ? nullptr : table.node->get(key);
  }
  void complain_about_unknown();
};

void TomlFile::State::complain_about_unknown() {
  for (size_t i = 0; i < tables.size(); ++i) {
    if (tables[i].node == nullptr) continue;
    for (const auto& [key, value] : *tables[i].node) {
      if (tables[i].asked.contains(key.str())) continue;
      complain(key.source().begin.line, in_quotes(field(i, key.str())), "there is no such field");
    }
  }
}

TomlFile::TomlFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
TomlFile::TomlFile(TomlFile&&) noexcept = default;
TomlFile& TomlFile::operator=(TomlFile&&) noexcept = default;
TomlFile::~TomlFile() = default;

Result<TomlFile> TomlFile::read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return not_found(fmt::format("{}: cannot be read", path.string()));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return not_found(fmt::format("{}: cannot be read", path.string()));
  return parse(text, path.string());
}

Result<TomlFile> TomlFile::parse(std::string_view text, std::string_view source) {
  if (text.size() > kMaxBytes) return invalid_argument(fmt::format("{}: too large", source));
  auto state = std::make_unique<State>();
  state->source = source;
  try {
    state->root = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    return invalid_argument(fmt::format("{}:{}: not valid TOML: {}", source,
                                        error.source().begin.line, error.description()));
  }
  state->add(&state->root, "", 1);
  return TomlFile(std::move(state));
}

TomlTable TomlFile::root() { return {state_.get(), 0}; }

Status TomlFile::finish() {
  state_->complain_about_unknown();
  if (!state_->first) return {};
  return invalid_argument(state_->first->message);
}

// What reading a field takes, kept out of the header with toml++.
struct TomlTable::Access {
  // The field as a T of toml++, or nothing after complaining. `must` complains of its absence too.
  template <typename T, typename Fallback>
  static std::optional<T> get(const TomlTable& table, std::string_view key,
                              const std::optional<Fallback>& fallback, std::string_view kind) {
    const toml::node* node = table.state_->find(table.index_, key);
    if (node == nullptr) {
      if (!fallback) table.fail(key, "is missing");
      return std::nullopt;
    }
    std::optional<T> value;
    if constexpr (std::is_same_v<T, double>) {
      value = node->value<T>();  // whole numbers too
    } else {
      value = node->value_exact<T>();
    }
    if (!value) table.fail(key, fmt::format("must be {}", kind));
    return value;
  }

  static const toml::array* array(const TomlTable& table, std::string_view key, bool required) {
    const toml::node* node = table.state_->find(table.index_, key);
    if (node == nullptr) {
      if (required) table.fail(key, "is missing");
      return nullptr;
    }
    if (!node->is_array()) table.fail(key, "must be a list");
    return node->as_array();
  }
};

namespace {

bool within(double value, NumberRange range) {
  return std::isfinite(value) && value >= range.least && value <= range.most;
}

std::string range_text(NumberRange range) {
  return fmt::format("must be between {} and {}", range.least, range.most);
}

}  // namespace

bool TomlTable::has(std::string_view key) const { return state_->find(index_, key) != nullptr; }

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> names;
  if (const toml::table* node = state_->tables[index_].node) {
    for (const auto& [key, value] : *node) names.emplace_back(key.str());
  }
  return names;
}

std::string TomlTable::text(std::string_view key, std::optional<std::string> fallback) const {
  const auto value = Access::get<std::string>(*this, key, fallback, "a text in quotes");
  return value ? *value : fallback.value_or("");
}

double TomlTable::number(std::string_view key, NumberRange range,
                         std::optional<double> fallback) const {
  const auto value = Access::get<double>(*this, key, fallback, "a number");
  if (!value) return fallback.value_or(0);
  if (within(*value, range)) return *value;
  fail(key, range_text(range));
  return fallback.value_or(range.least);
}

int64_t TomlTable::whole(std::string_view key, WholeRange range,
                         std::optional<int64_t> fallback) const {
  const auto value = Access::get<int64_t>(*this, key, fallback, "a whole number");
  if (!value) return fallback.value_or(range.least);
  if (*value >= range.least && *value <= range.most) return *value;
  fail(key, fmt::format("must be between {} and {}", range.least, range.most));
  return fallback.value_or(range.least);
}

bool TomlTable::flag(std::string_view key, std::optional<bool> fallback) const {
  const auto value = Access::get<bool>(*this, key, fallback, "true or false");
  return value ? *value : fallback.value_or(false);
}

std::vector<std::string> TomlTable::texts(std::string_view key,
                                          std::optional<std::vector<std::string>> fallback) const {
  const toml::array* list = Access::array(*this, key, !fallback);
  if (list == nullptr) return fallback.value_or(std::vector<std::string>());
  std::vector<std::string> values;
  for (const toml::node& node : *list) {
    const auto value = node.value<std::string>();
    if (!value) fail(key, "must be a list of texts in quotes");
    values.push_back(value.value_or(""));
  }
  return values;
}

std::vector<double> TomlTable::numbers(std::string_view key, NumberRange range,
                                       std::optional<std::vector<double>> fallback) const {
  const toml::array* list = Access::array(*this, key, !fallback);
  if (list == nullptr) return fallback.value_or(std::vector<double>());
  std::vector<double> values;
  for (const toml::node& node : *list) {
    const auto value = node.value<double>();
    if (!value) {
      fail(key, "must be a list of numbers");
    } else if (!within(*value, range)) {
      fail(key, fmt::format("every number {}", range_text(range)));
    }
    values.push_back(value.value_or(range.least));
  }
  return values;
}

TomlTable TomlTable::table(std::string_view key) const {
  const toml::node* node = state_->find(index_, key);
  if (node != nullptr && !node->is_table()) fail(key, "must be a table");
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  const uint32_t line = node == nullptr ? state_->tables[index_].line : line_of(*node);
  return {state_, state_->add(table, state_->field(index_, key), line)};
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> all;
  const toml::array* list = Access::array(*this, key, false);
  if (list == nullptr) return all;
  for (const toml::node& node : *list) {
    if (!node.is_table()) {
      fail(key, "must be a list of tables");
      break;
    }
    const std::string path = fmt::format("{}[{}]", state_->field(index_, key), all.size());
    all.push_back({state_, state_->add(node.as_table(), path, line_of(node))});
  }
  return all;
}

void TomlTable::fail(std::string_view key, std::string_view what) const {
  const TomlFile::State::Table& table = state_->tables[index_];
  const toml::node* node = table.node == nullptr ? nullptr : table.node->get(key);
  state_->complain(node == nullptr ? table.line : line_of(*node), state_->field(index_, key), what);
}

}  // namespace zoetrope::base
