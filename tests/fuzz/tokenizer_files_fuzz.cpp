// The files of CLIP's tokenizer folder: vocab.json, merges.txt and tokenizer_config.json, divided
// by NUL.
#include <cstdint>

#include "fuzz_folder.h"
#include "text/clip_tokenizer.h"
#include "tokenizer_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  static const fuzz::Folder folder;
  folder.write_parts({"vocab.json", "merges.txt", "tokenizer_config.json"},
                     {reinterpret_cast<const char*>(data), size});
  fuzz::check_tokenizer(text::ClipTokenizer::open(folder.path()));
  return 0;
}
