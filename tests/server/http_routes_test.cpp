#include "http_routes.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

TEST(HttpRoutesTest, WhichMethodsAPathHas) {
  HttpRoutes routes(std::make_unique<httplib::Server>());
  const auto nothing = [](const httplib::Request&, httplib::Response&) {};
  routes.Get("/a", nothing);
  routes.Post("/a", nothing);
  routes.Post(R"(/b/(.+)/(load|unload))", nothing);
  routes.Delete("/c", nothing);
  EXPECT_EQ(routes.allowed_at("/a"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(routes.allowed_at("/b/x/load"), "OPTIONS, POST");
  EXPECT_EQ(routes.allowed_at("/c"), "DELETE, OPTIONS");
  EXPECT_EQ(routes.allowed_at("/b/x"), "");
  EXPECT_EQ(routes.allowed_at("/"), "");
}

}  // namespace
}  // namespace plimsoll::server
