// tokenizer.json and tokenizer_config.json, divided by NUL.
#include <cstdint>

#include "fuzz_folder.h"
#include "text/pipeline_tokenizer.h"
#include "tokenizer_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace zoetrope;
  static const fuzz::Folder folder;
  folder.write_parts({"tokenizer.json", "tokenizer_config.json"},
                     {reinterpret_cast<const char*>(data), size});
  fuzz::check_tokenizer(text::PipelineTokenizer::open_json(folder.path()));
  return 0;
}
