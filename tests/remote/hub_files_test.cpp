// The models of a repository.
#include "remote/hub_files.hpp"

#include <gtest/gtest.h>

#include "expect_error.hpp"
#include "scripted_server.hpp"

namespace plimsoll::remote {
namespace {

using test::expect_error;
using test::http_answer;
using test::ScriptedRequest;
using test::ScriptedServer;

const HubName kName{.repository = "o/r"};

std::vector<std::string> files_of(const std::vector<HubModel>& models) {
  std::vector<std::string> out;
  for (const HubModel& model : models) out.push_back(model.file);
  return out;
}

TEST(HubFilesTest, ModelsBySizeAndPartsOfASplitAsOne) {
  std::string second;
  const ScriptedServer server([&](const ScriptedRequest& r) {
    if (r.path().contains("cursor")) {
      return http_answer("200 OK", R"([{"type":"file","path":"big/m-00002-of-00002.gguf","size":50},
                                       {"type":"file","path":"m-Q4_K_M.gguf","size":40}])");
    }
    return http_answer("200 OK", R"([{"type":"directory","path":"big","size":0},
      {"type":"file","path":"README.md","size":9},{"type":"file","path":"mmproj-F16.gguf","size":7},
      {"type":"file","path":"m.imatrix.gguf","size":7},{"type":"file","path":"\u001b[2Jm.gguf","size":7},
      {"type":"file","path":"big/m-00001-of-00002.gguf","size":50}])",
                       second);
  });
  second = "Link: <" + server.url("/api/models/o/r/tree/main?cursor=x") + ">; rel=\"next\"\r\n";
  const Hub hub{.endpoint = server.url("")};
  HttpClient client({.hub = hub});
  const auto models = hub_models(client, hub, kName);
  ASSERT_EQ(files_of(models), (std::vector<std::string>{"m-Q4_K_M.gguf", "big/m-00001-of-00002.gguf"}));
  EXPECT_EQ(models.at(1).bytes.value(), 100U);
  EXPECT_EQ(models.at(1).url, server.url("/o/r/resolve/main/big/m-00001-of-00002.gguf"));
}

TEST(HubFilesTest, TheNextPageMayBeNamedFromThisOne) {
  const ScriptedServer server([](const ScriptedRequest& r) {
    if (r.path().contains("cursor")) return http_answer("200 OK", R"([{"type":"file","path":"b.gguf","size":2}])");
    return http_answer("200 OK", R"([{"type":"file","path":"a.gguf","size":1}])",
                       "Link: </api/models/o/r/tree/main?cursor=x>; rel=\"next\"\r\n");
  });
  const Hub hub{.endpoint = server.url("")};
  HttpClient client({.hub = hub});
  EXPECT_EQ(files_of(hub_models(client, hub, kName)), (std::vector<std::string>{"a.gguf", "b.gguf"}));
}

TEST(HubFilesTest, AListWithoutEndIsGivenUp) {
  const ScriptedServer server(
      [](const ScriptedRequest&) { return http_answer("200 OK", "[]", "Link: <?cursor=x>; rel=\"next\"\r\n"); });
  const Hub hub{.endpoint = server.url("")};
  HttpClient client({.hub = hub});
  expect_error(ErrorCode::io, "has no end", [&] { (void)hub_models(client, hub, kName); });
}

// Half a list would say of a file that it is not there.
TEST(HubFilesTest, ANextPageElsewhereIsNotFollowed) {
  const ScriptedServer elsewhere([](const ScriptedRequest&) { return http_answer("200 OK", "[]"); });
  const ScriptedServer server([&](const ScriptedRequest&) {
    return http_answer("200 OK", "[]", "Link: <" + elsewhere.url("/x") + ">; rel=\"next\"\r\n");
  });
  const Hub hub{.endpoint = server.url(""), .token = "hf_secret"};
  HttpClient client({.hub = hub});
  expect_error(ErrorCode::io, "goes on at another server", [&] { (void)hub_models(client, hub, kName); });
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST(HubFilesTest, AnAnswerThatIsNoListIsSaid) {
  for (const char* body :
       {"<html>", "{}", R"([{"type":"file","path":"m.gguf"}])", R"([{"type":"file","path":"m.gguf","size":-1}])",
        R"([{"type":"file","path":"m.gguf","size":18446744073709551615}])", "[1]"}) {
    const ScriptedServer server([&](const ScriptedRequest&) { return http_answer("200 OK", body); });
    const Hub hub{.endpoint = server.url("")};
    HttpClient client({.hub = hub});
    expect_error(ErrorCode::io, "not a list of files", [&] { (void)hub_models(client, hub, kName); });
  }
}

TEST(HubFilesTest, ATypeOfWeightsIsFoundInTheNames) {
  std::vector<HubModel> models;
  for (const char* file : {"m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m.q8_0.gguf", "IQ2/m-00001-of-00002.gguf",
                           "m-UD-Q4_K_M.gguf", "m_Q5_K_M.gguf"})
    models.emplace_back().file = file;
  const auto of = [&](const std::string& file) { return files_of(named(models, {.repository = "o/r", .file = file})); };
  EXPECT_EQ(of("Q8_0"), std::vector<std::string>{"m.q8_0.gguf"});
  EXPECT_EQ(of("q4_k_s"), std::vector<std::string>{"m-Q4_K_S.gguf"});
  EXPECT_EQ(of("Q4_K_M").size(), 2U);
  EXPECT_EQ(of("IQ2"), std::vector<std::string>{"IQ2/m-00001-of-00002.gguf"});
  EXPECT_EQ(of("m-Q4_K_M.gguf"), std::vector<std::string>{"m-Q4_K_M.gguf"});
  EXPECT_EQ(of("q5_k_m"), std::vector<std::string>{"m_Q5_K_M.gguf"});
  EXPECT_EQ(of("").size(), 6U);
  expect_error(ErrorCode::usage, "it has m-Q4_K_M.gguf, m-Q4_K_S.gguf", [&] { (void)of("Q4_K"); });
  expect_error(ErrorCode::usage, "has no GGUF models", [] { (void)named({}, kName); });
}

}  // namespace
}  // namespace plimsoll::remote
