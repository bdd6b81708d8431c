#include "served_certificate.hpp"

#include <fmt/format.h>
#include <openssl/err.h>

#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::server {

ServedCertificate::ServedCertificate(std::filesystem::path certificate, std::filesystem::path private_key)
    : certificate_(std::move(certificate)), private_key_(std::move(private_key)), in_use_(from_files()) {}

ServedCertificate::Pair ServedCertificate::from_files() const {
  Pair pair(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  const bool fits = pair && SSL_CTX_use_certificate_chain_file(pair.get(), certificate_.c_str()) == 1 &&
                    SSL_CTX_use_PrivateKey_file(pair.get(), private_key_.c_str(), SSL_FILETYPE_PEM) == 1 &&
                    SSL_CTX_check_private_key(pair.get()) == 1;
  ERR_clear_error();
  if (!fits) {
    throw Error(ErrorCode::usage, fmt::format("certificate '{}' and private key '{}' cannot be used together",
                                              certificate_.string(), private_key_.string()));
  }
  return pair;
}

std::shared_ptr<SSL_CTX> ServedCertificate::context() {
  Pair context = from_files();
  // Who sends no more may be answered still: HTTP says by itself where a body ends.
  (void)SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION |
                                               SSL_OP_IGNORE_UNEXPECTED_EOF);
  (void)SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cert_cb(context.get(), choose, this);
  return context;
}

int ServedCertificate::choose(SSL* connection, void* self) {
  auto& served = *static_cast<ServedCertificate*>(self);
  Pair pair;
  {
    const std::lock_guard lock(served.mutex_);
    pair = served.in_use_;
  }
  STACK_OF(X509)* chain = nullptr;
  (void)SSL_CTX_get0_chain_certs(pair.get(), &chain);
  return SSL_use_cert_and_key(connection, SSL_CTX_get0_certificate(pair.get()), SSL_CTX_get0_privatekey(pair.get()),
                              chain, 1);
}

void ServedCertificate::read() {
  Pair pair = from_files();
  const std::lock_guard lock(mutex_);
  read_ = std::move(pair);
}

bool ServedCertificate::use() {
  const std::lock_guard lock(mutex_);
  if (!read_) return false;
  const Pair before = std::exchange(in_use_, std::exchange(read_, nullptr));
  return X509_cmp(SSL_CTX_get0_certificate(before.get()), SSL_CTX_get0_certificate(in_use_.get())) != 0;
}

}  // namespace plimsoll::server
