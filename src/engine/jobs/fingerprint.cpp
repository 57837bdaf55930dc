#include "engine/jobs/fingerprint.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace zoetrope::engine::jobs {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* digest) const { EVP_MD_CTX_free(digest); }
};

void require(int done) {
  if (done != 1) throw base::Error(base::StatusCode::kInternal, "SHA-256 is not there");
}

}  // namespace

std::string fingerprint(const JobRequest& request) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> digest(EVP_MD_CTX_new());
  require(EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr));
  const media::Image& picture = request.request.picture;
  // The sizes tell a wide picture from a tall one of the same bytes.
  const std::string fields =
      fmt::format("{}\n{}x{}\n", request_json(request), picture.width, picture.height);
  require(EVP_DigestUpdate(digest.get(), fields.data(), fields.size()));
  require(EVP_DigestUpdate(digest.get(), picture.rgb.data(), picture.rgb.size()));
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned int size = 0;
  require(EVP_DigestFinal_ex(digest.get(), bytes.data(), &size));
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace zoetrope::engine::jobs
