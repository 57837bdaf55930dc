#include "text/clip_text.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/ustring.h>

#include <array>

#include "base/status.h"
#include "text/unicode.h"

namespace zoetrope::text {

namespace {

using icu::UnicodeString;

enum class Class { kSpace, kLetter, kDigit, kOther };

Class class_of(UChar32 c) {
  if (u_isUWhiteSpace(c)) return Class::kSpace;
  const auto mask = U_GET_GC_MASK(c);
  if (mask & U_GC_L_MASK) return Class::kLetter;
  return mask & U_GC_N_MASK ? Class::kDigit : Class::kOther;
}

// The full mapping of one character, which may have several: U+0130 becomes "i" and a dot above.
void append_lower(UnicodeString& out, UChar32 c) {
  std::array<UChar, 8> lower;
  UErrorCode error = U_ZERO_ERROR;
  const UnicodeString one(c);
  const int32_t length =
      u_strToLower(lower.data(), lower.size(), one.getBuffer(), one.length(), "", &error);
  if (U_FAILURE(error)) throw base::Error(base::internal_error("ICU: cannot lower a character"));
  out.append(lower.data(), length);
}

constexpr std::array kEndings = {u"'s", u"'t", u"'re", u"'ve", u"'m", u"'ll", u"'d"};
// The pattern also matches these names whole. As text (a special token has been cut out before) the
// byte-level step then divides them again, so that only their ends are word limits.
constexpr std::array kSpecialNames = {u"<|startoftext|>", u"<|endoftext|>"};
constexpr int32_t kBracket = 2;  // "<|" and "|>"

bool starts_with(const UnicodeString& text, int32_t at, const char16_t* prefix) {
  const int32_t length = u_strlen(prefix);
  return text.compare(at, length, prefix, 0, length) == 0;
}

// The end of the word that starts at `at`, which is not white space.
int32_t end_of_word(const UnicodeString& text, int32_t at) {
  for (const char16_t* ending : kEndings) {
    if (starts_with(text, at, ending)) return at + u_strlen(ending);
  }
  const Class first = class_of(text.char32At(at));
  int32_t end = text.moveIndex32(at, 1);
  if (first == Class::kDigit) return end;
  while (end < text.length() && class_of(text.char32At(end)) == first) {
    end = text.moveIndex32(end, 1);
  }
  return end;
}

}  // namespace

std::string clean_clip_text(std::string_view utf8) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(error);
  const UnicodeString composed = U_SUCCESS(error) ? nfc->normalize(from_utf8(utf8), error) : "";
  if (U_FAILURE(error)) throw base::Error(base::internal_error("ICU: cannot normalise a text"));

  UnicodeString cleaned;
  bool in_space = false;
  for (int32_t i = 0; i < composed.length(); i = composed.moveIndex32(i, 1)) {
    const UChar32 c = composed.char32At(i);
    const bool is_space = u_isUWhiteSpace(c);
    if (!is_space) {
      append_lower(cleaned, c);
    } else if (!in_space) {
      cleaned.append(u' ');
    }
    in_space = is_space;
  }
  return to_utf8(cleaned);
}

std::vector<std::string> clip_words(std::string_view cleaned) {
  const UnicodeString text = from_utf8(cleaned);
  std::vector<std::string> words;
  const auto add = [&](int32_t begin, int32_t end) {
    words.push_back(to_utf8(text.tempSubStringBetween(begin, end)));
  };
  int32_t at = 0;
  while (at < text.length()) {
    if (class_of(text.char32At(at)) == Class::kSpace) {
      at = text.moveIndex32(at, 1);
      continue;
    }
    int32_t end = at;
    for (const char16_t* name : kSpecialNames) {
      if (!starts_with(text, at, name)) continue;
      end = at + u_strlen(name);
      add(at, at + kBracket);
      add(at + kBracket, end - kBracket);
      add(end - kBracket, end);
    }
    if (end == at) {
      end = end_of_word(text, at);
      add(at, end);
    }
    at = end;
  }
  return words;
}

}  // namespace zoetrope::text
