#include "http_failure.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

using ::testing::HasSubstr;

httplib::Request request_with(std::initializer_list<std::pair<const char*, const char*>> headers) {
  httplib::Request out;
  out.method = "POST";
  out.path = "/v1/chat/completions";
  out.headers.emplace("Host", "localhost");
  for (const auto& [name, value] : headers) out.headers.emplace(name, value);
  return out;
}

TEST(MakeReadableTest, AFormIsText) {
  for (const char* type : {"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"}) {
    httplib::Request form = request_with({{"Content-Type", type}});
    EXPECT_FALSE(make_readable(form));
    EXPECT_EQ(form.get_header_value("Content-Type"), "text/plain");
  }
  httplib::Request json = request_with({{"Content-Type", "application/json"}});
  EXPECT_FALSE(make_readable(json));
  EXPECT_EQ(json.get_header_value("Content-Type"), "application/json");
}

TEST(MakeReadableTest, PartsAreRefusedByTheirName) {
  httplib::Request parts = request_with({{"Content-Type", "multipart/form-data; boundary=x"}});
  const auto problem = make_readable(parts);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->status(), 415);
  EXPECT_THAT(problem->what(), HasSubstr("multipart/form-data is not read here; send JSON"));
}

TEST(MakeReadableTest, EncodingsThatAreDecodedGoOn) {
  for (const auto& [given, left] : std::initializer_list<std::pair<const char*, const char*>>{
           {"gzip", "gzip"}, {"GZIP", "gzip"}, {"x-gzip", "gzip"}, {"zstd", "zstd"}, {"identity", ""}}) {
    httplib::Request request = request_with({{"Content-Encoding", given}});
    EXPECT_FALSE(make_readable(request)) << given;
    EXPECT_EQ(request.get_header_value("Content-Encoding"), left);
    EXPECT_EQ(request.has_header("Content-Encoding"), *left != '\0');
  }
  httplib::Request unknown = request_with({{"Content-Encoding", "lzma"}});
  const auto problem = make_readable(unknown);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->status(), 415);
  EXPECT_THAT(problem->what(), HasSubstr("'lzma' is not read here; it may be plain or gzip"));
}

TEST(HttpFailureTest, EachHasASentenceAndItsStatus) {
  const auto expect = [](const httplib::Request& request, int status, const char* allowed, int told,
                         const char* words) {
    const api::Problem problem = failure_of(request, status, allowed, 16_MiB);
    EXPECT_EQ(problem.status(), told);
    EXPECT_THAT(problem.what(), HasSubstr(words));
  };
  const httplib::Request plain = request_with({});
  expect(plain, 404, "", 404, "no POST /v1/chat/completions here");
  expect(plain, 404, "GET, OPTIONS", 405, "takes no POST, but GET, OPTIONS");
  expect(plain, 413, "", 413, "16.0 MiB");
  expect(plain, 414, "", 414, "8 KiB");
  expect(plain, 400, "", 400, "not as long as its Content-Length");
  expect(request_with({{"Content-Encoding", "gzip"}}), 400, "", 400, "decoded as the gzip");
  expect(request_with({{"Transfer-Encoding", "chunked"}}), 400, "", 400, "chunks are damaged");
  expect(httplib::Request{}, 400, "", 400, "not an HTTP request");
  httplib::Request brewing = plain;
  brewing.method = "BREW";
  expect(brewing, 400, "", 501, "method of HTTP is unknown");
  expect(plain, 417, "", 417, "Expectation Failed");
}

}  // namespace
}  // namespace plimsoll::server
