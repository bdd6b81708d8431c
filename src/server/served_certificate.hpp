// ServedCertificate: the certificate that TLS connections are answered with. It may be renewed while they go on.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>

#include <openssl/ssl.h>

namespace plimsoll::server {

// Any thread.
class ServedCertificate {
 public:
  // Reads both. Throws Error{usage} where they cannot be used together.
  ServedCertificate(std::filesystem::path certificate, std::filesystem::path private_key);

  // For a server: its handshakes take what is in use then. This outlives it. Throws as the constructor does.
  [[nodiscard]] std::shared_ptr<SSL_CTX> context();
  // Reads both again, and changes nothing yet. Throws as the constructor does.
  void read();
  // What was read last, from the next handshake on. True: it is another certificate.
  bool use();

 private:
  using Pair = std::shared_ptr<SSL_CTX>;  // a certificate with its chain and its key
  [[nodiscard]] Pair from_files() const;
  static int choose(SSL* connection, void* self);

  const std::filesystem::path certificate_;
  const std::filesystem::path private_key_;
  std::mutex mutex_;
  Pair in_use_;
  Pair read_;
};

}  // namespace plimsoll::server
