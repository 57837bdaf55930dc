// spiece.model, the charsmap in it included.
#include <cstdint>

#include "fuzz_folder.h"
#include "text/pipeline_tokenizer.h"
#include "tokenizer_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  static const fuzz::Folder folder;
  folder.write("spiece.model", {reinterpret_cast<const char*>(data), size});
  fuzz::check_tokenizer(text::PipelineTokenizer::open_sentencepiece(folder.path()));
  return 0;
}
