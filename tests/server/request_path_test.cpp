#include "request_path.hpp"

#include <gtest/gtest.h>

namespace plimsoll::server {
namespace {

TEST(RequestPathTest, EverySpellingOfAPathIsTheSame) {
  for (const char* path :
       {"/v1/chat/completions", "/chat/completions", "//v1//chat/completions/", "/v1/v1/chat/completions",
        "/api/v1/chat/completions", "/openai/v1/chat/completions", "/v1/v1/v1/chat/completions//"})
    EXPECT_EQ(usual_path("POST", path), "/v1/chat/completions") << path;
  for (const char* path : {"responses", "rerank", "reranking", "messages", "messages/count_tokens",
                           "responses/input_tokens", "chat/completions/input_tokens", "models"})
    EXPECT_EQ(usual_path("POST", "/" + std::string(path)), "/v1/" + std::string(path));
  // As of a proxy.
  EXPECT_EQ(usual_path("GET", "http://localhost:8080/v1/models"), "/v1/models");
  EXPECT_EQ(usual_path("GET", "https://[::1]/models"), "/v1/models");
  EXPECT_EQ(usual_path("GET", "http://localhost"), "/");
  EXPECT_EQ(usual_path("GET", "/models/a/b.gguf"), "/v1/models/a/b.gguf");
  EXPECT_EQ(usual_path("HEAD", "/models/"), "/v1/models");
}

TEST(RequestPathTest, LmStudiosOwnAreOpenAis) {
  EXPECT_EQ(usual_path("POST", "/api/v0/chat/completions"), "/v1/chat/completions");
  EXPECT_EQ(usual_path("POST", "/api/v0/completions"), "/v1/completions");
  EXPECT_EQ(usual_path("POST", "/api/v0/embeddings/"), "/v1/embeddings");
  EXPECT_EQ(usual_path("GET", "/api/v0/models"), "/v1/models");
  EXPECT_EQ(usual_path("GET", "/api/v0/models/mate-chat"), "/v1/models/mate-chat");
  for (const char* path : {"/api/v0", "/api/v0/props", "/api/v0x/models"}) EXPECT_EQ(usual_path("GET", path), path);
}

TEST(RequestPathTest, LmStudiosNewerApiIsItsOwn) {
  for (const char* path : {"/api/v1/chat", "/api/v1/models/load", "/api/v1/models/unload", "/api/v1/models/download"}) {
    EXPECT_EQ(usual_path("POST", path), path);
    EXPECT_EQ(usual_path("POST", std::string(path) + "/"), path);
  }
  for (const char* path : {"/api/v1/models", "/api/v1/models/download/status/job_1"})
    EXPECT_EQ(usual_path("GET", path), path);
  EXPECT_EQ(usual_path("GET", "/api/v1/models/mate-chat"), "/v1/models/mate-chat");
  EXPECT_EQ(usual_path("GET", "/api/v1/models/load"), "/v1/models/load");  // a model may be called so
  EXPECT_EQ(usual_path("POST", "/v1/chat"), "/v1/chat");
}

TEST(RequestPathTest, OthersStayAsTheyAre) {
  for (const char* path :
       {"/", "/health", "/props", "/completion", "/completions", "/embedding", "/embeddings", "/api/chat", "/api/tags",
        "/v1", "/v1x/models", "/models/load", "/plimsoll/v1/models/a/load", "/apiv1/models", "/chat", "/modelsx"})
    EXPECT_EQ(usual_path("POST", path), path);
  EXPECT_EQ(usual_path("GET", "/health/"), "/health");
  EXPECT_EQ(usual_path("GET", ""), "");
  EXPECT_EQ(usual_path("GET", "///"), "/");
}

}  // namespace
}  // namespace plimsoll::server
