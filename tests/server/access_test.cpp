#include "access.hpp"

#include <gtest/gtest.h>

#include <new>

namespace plimsoll::server {
namespace {

httplib::Request request_of(const char* version) {
  httplib::Request out;
  out.version = version;
  return out;
}

TEST(PutStreamTest, AStreamThatThrowsBreaksOff) {
  for (const char* version : {"HTTP/1.1", "HTTP/1.0"}) {
    httplib::Response response;
    put_stream(request_of(version), response, "text/event-stream",
               [](std::size_t, httplib::DataSink&) -> bool { throw std::bad_alloc(); });
    httplib::DataSink sink;
    ASSERT_TRUE(response.content_provider_);
    EXPECT_FALSE(response.content_provider_(0, 0, sink)) << version;
  }
}

TEST(PutStreamTest, OneThatDoesNotGoesOnAsItSays) {
  httplib::Response response;
  bool goes_on = true;
  put_stream(request_of("HTTP/1.1"), response, "text/event-stream",
             [&](std::size_t, httplib::DataSink&) { return goes_on; });
  httplib::DataSink sink;
  EXPECT_TRUE(response.content_provider_(0, 0, sink));
  goes_on = false;
  EXPECT_FALSE(response.content_provider_(0, 0, sink));
}

}  // namespace
}  // namespace plimsoll::server
