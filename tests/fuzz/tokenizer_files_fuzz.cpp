// The files of a tokenizer folder: vocab.json, merges.txt and tokenizer_config.json, divided by
// NUL.
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <filesystem>

#include "fuzz_check.h"
#include "text/clip_tokenizer.h"
#include "weights/atomic_file.h"

namespace {

std::string make_folder() {
  std::string folder = std::filesystem::temp_directory_path() / "zoetrope-fuzz-XXXXXX";
  zoetrope::fuzz::check(mkdtemp(folder.data()) != nullptr, "no temporary folder");
  return folder;
}

struct Folder {
  const std::string path = make_folder();
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  static const Folder folder;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"}) {
    const std::string_view part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    fuzz::check(weights::write_file(folder.path + "/" + name, part).ok(), "cannot write a file");
  }
  const auto tokenizer = text::ClipTokenizer::open(folder.path);
  if (!tokenizer.ok()) {
    fuzz::check_refusal(tokenizer.status());
    return 0;
  }
  const text::Tokens tokens = tokenizer->encode("A rocket's taking off <|endoftext|> \xff 12");
  fuzz::check(static_cast<int>(tokens.ids.size()) == tokenizer->max_length(), "number of ids");
  for (const std::int32_t id : tokens.ids) {
    fuzz::check(id >= 0 && id <= tokenizer->largest_id(), "an id outside the vocabulary");
  }
  return 0;
}
