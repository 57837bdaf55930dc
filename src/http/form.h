// The fields of a request, whether they came as a JSON object or as multipart/form-data, and
// reading them one by one with errors that name them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace zoetrope::http {

enum class BodyKind { kJson, kMultipart };

// By the Content-Type header. kInvalidArgument: neither of the two.
base::Result<BodyKind> body_kind(std::string_view content_type);

// Files are views into the body that was parsed.
struct Field {
  std::string name;
  nlohmann::json value;                  // of a part: its text
  std::optional<std::string_view> file;  // the bytes of a part with a file name
};

struct Form {
  BodyKind kind = BodyKind::kJson;
  std::vector<Field> fields;
};

// kInvalidArgument, one line. Fields that are null are left out; their names must be known all the
// same (FormReader::finish).
base::Result<Form> parse_form(BodyKind kind, std::string_view content_type, std::string_view body);

// Takes fields out of a form. The first thing wrong is kept for finish(); readers then return
// nothing.
class FormReader {
 public:
  explicit FormReader(const Form& form) : form_(form), taken_(form.fields.size()) {}

  std::optional<std::string> text(std::string_view name, size_t max_bytes);
  std::optional<int64_t> whole(std::string_view name, int64_t least, int64_t most);
  std::optional<double> number(std::string_view name, double least, double most);
  std::optional<bool> truth(std::string_view name);
  std::optional<std::string> word(std::string_view name,
                                  std::initializer_list<std::string_view> words);
  // All fields of that name, for pictures.
  std::vector<const Field*> all(std::string_view name);
  // A field that other servers know: nothing but null is taken.
  void refuse(std::string_view name, std::string_view why);

  bool has(std::string_view name) const;
  // Remembers that `name` is wrong.
  void fail(std::string_view name, std::string_view why);
  bool failed() const { return !status_.ok(); }
  // The first failure, or kInvalidArgument with the name of a field that nobody took.
  base::Status finish() const;

 private:
  const Field* take(std::string_view name);

  const Form& form_;
  std::vector<bool> taken_;
  base::Status status_;
};

}  // namespace zoetrope::http
