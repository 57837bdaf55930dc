#include "http/tls_context.h"

#include <fmt/format.h>

namespace zoetrope::http {

namespace ssl = boost::asio::ssl;

base::Result<std::unique_ptr<ssl::context>> load_tls(const std::filesystem::path& certificate,
                                                     const std::filesystem::path& key) {
  if (certificate.empty() || key.empty()) {
    return base::invalid_argument("tls: needs both a certificate and its key");
  }
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate.string(), error);
  if (error) {
    return base::invalid_argument(fmt::format("{}: {}", certificate.string(), error.message()));
  }
  context->use_private_key_file(key.string(), ssl::context::pem, error);
  if (error) return base::invalid_argument(fmt::format("{}: {}", key.string(), error.message()));
  return context;
}

}  // namespace zoetrope::http
