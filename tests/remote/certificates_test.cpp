#include "remote/certificates.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "temporary_folder.hpp"

namespace plimsoll::remote {
namespace {

TEST(CertificatesTest, TheyLieWhereTheDistributionHasThem) {
  const test::TemporaryFolder root;
  unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(certificates(root.path()), "");
  const std::string fedoras = root.write("etc/pki/tls/certs/ca-bundle.crt", "x");
  EXPECT_EQ(certificates(root.path()), fedoras);
  const std::string debians = root.write("etc/ssl/certs/ca-certificates.crt", "x");
  EXPECT_EQ(certificates(root.path()), debians);
}

TEST(CertificatesTest, WhatTheUserNamesCounts) {
  const test::TemporaryFolder root;
  root.write("etc/ssl/cert.pem", "x");
  setenv("SSL_CERT_FILE", "/mine.pem", 1);
  EXPECT_EQ(certificates(root.path()), "/mine.pem");
  unsetenv("SSL_CERT_FILE");
}

}  // namespace
}  // namespace plimsoll::remote
