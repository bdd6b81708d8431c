// A model's header from another machine, as a local file.
#include "remote/model_header.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "engine/gguf_header.hpp"

#include "expect_error.hpp"
#include "scripted_server.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::remote {
namespace {

using test::expect_error;
using test::http_answer;
using test::piece_of;
using test::ScriptedRequest;
using test::ScriptedServer;

constexpr const char* kVersion = "ETag: \"v1\"\r\n";

class ModelHeaderTest : public testing::Test {
 protected:
  ModelHeader fetch(const std::string& url) { return fetch_header(client, url, {.path = folder.path()}); }
  void refuses(ErrorCode code, const std::string& words, const ScriptedServer& server) {
    expect_error(code, words, [&] { (void)fetch(server.url("/m.gguf")); });
  }
  // A header longer than the first piece that is asked for.
  static std::string large_model() {
    auto gguf = test::tiny_llama();
    gguf.texts("test.filling", std::vector<std::string>(1000, std::string(3000, 'x')));
    return gguf.bytes();
  }

  HttpClient client{{.between_tries = std::chrono::milliseconds(1)}};
  test::TemporaryFolder folder;
  const test::TinyGguf gguf = test::tiny_llama();
  const std::string bytes = gguf.bytes();
};

TEST_F(ModelHeaderTest, IsTheFileWithHolesInThePlaceOfItsTensors) {
  const std::string model = large_model();
  const ScriptedServer server([&](const ScriptedRequest& r) { return piece_of(model, r, kVersion); });
  std::vector<Bytes> heard;
  const ModelHeader header = fetch_header(client, server.url("/a/m.gguf"), {.path = folder.path()},
                                          [&](Bytes read) { heard.push_back(read); });
  EXPECT_EQ(header.model.value(), model.size());
  EXPECT_TRUE(header.has_ranges);
  EXPECT_GE(heard.size(), 2U);
  EXPECT_TRUE(header.path.ends_with("/m.gguf"));
  const std::string local = test::read_whole_file(header.path);
  ASSERT_EQ(local.size(), model.size());
  const std::size_t end = *engine::gguf_header_bytes("m", std::as_bytes(std::span(model)), model.size());
  EXPECT_EQ(local.substr(0, end), model.substr(0, end));
  EXPECT_EQ(local.find_first_not_of('\0', end), std::string::npos);
  EXPECT_EQ(engine::read_gguf_header(header.path).architecture, "llama");
}

TEST_F(ModelHeaderTest, AHeaderThatWasReadIsUsedAgainWhileTheFileIsTheSame) {
  std::string version = kVersion;
  const std::string model = large_model();
  const ScriptedServer server([&](const ScriptedRequest& r) { return piece_of(model, r, version); });
  const ModelHeader first = fetch(server.url("/m.gguf"));
  const ModelHeader again = fetch(server.url("/m.gguf"));
  EXPECT_EQ(again.read.value(), 1U);
  EXPECT_FALSE(first.was_kept);
  EXPECT_TRUE(again.was_kept);
  EXPECT_EQ(again.path, first.path);
  EXPECT_EQ(again.model, first.model);
  version = "ETag: \"v2\"\r\n";
  EXPECT_GT(fetch(server.url("/m.gguf")).read.value(), 1U << 20U);
  version = "";  // a server that names no version
  EXPECT_GT(fetch(server.url("/m.gguf")).read.value(), 1U << 20U);
  EXPECT_GT(fetch(server.url("/m.gguf")).read.value(), 1U << 20U);
}

TEST_F(ModelHeaderTest, FromAServerWithoutPiecesTheFirstBytesAreRead) {
  const std::string model = large_model() + std::string(64U << 20U, 'x');
  const ScriptedServer server([&](const ScriptedRequest&) { return http_answer("200 OK", model); });
  const ModelHeader header = fetch(server.url("/m.gguf"));
  EXPECT_FALSE(header.has_ranges);
  EXPECT_EQ(header.model.value(), model.size());
  EXPECT_EQ(engine::read_gguf_header(header.path).architecture, "llama");
}

TEST_F(ModelHeaderTest, SmallPiecesAreJoined) {
  const ScriptedServer server([&](const ScriptedRequest& r) {
    auto range = *r.range();
    range.to = std::min({range.to, range.from + 999, bytes.size() - 1});
    return http_answer("206 Partial Content", bytes.substr(range.from, range.to - range.from + 1),
                       "Content-Range: bytes " + std::to_string(range.from) + "-" + std::to_string(range.to) + "/" +
                           std::to_string(bytes.size()) + "\r\n");
  });
  EXPECT_EQ(engine::read_gguf_header(fetch(server.url("/m.gguf")).path).architecture, "llama");
}

TEST_F(ModelHeaderTest, AllFilesOfASplitAreRead) {
  auto second = test::TinyGguf().number("split.no", 1).number("split.count", 2);
  auto first = test::tiny_llama().number("split.no", 0).number("split.count", 2);
  const ScriptedServer server([&](const ScriptedRequest& r) {
    return piece_of(r.path().contains("00002-of") ? second.bytes() : first.bytes(), r, kVersion);
  });
  const ModelHeader header = fetch(server.url("/m-00001-of-00002.gguf"));
  EXPECT_EQ(header.model.value(), first.bytes().size() + second.bytes().size());
  EXPECT_EQ(engine::read_gguf_header(header.path).architecture, "llama");
}

TEST_F(ModelHeaderTest, ALieAboutTheLengthIsSeen) {
  const std::string length = std::to_string(std::size_t{1} << 40U);
  const auto lie = [&](const ScriptedRequest& r) {
    const std::size_t from = r.range()->from;
    const std::string piece = from < bytes.size() ? bytes.substr(from) : "";
    const std::size_t last = from + std::max<std::size_t>(piece.size(), 1) - 1;
    return http_answer(
        "206 Partial Content", piece,
        "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(last) + "/" + length + "\r\n");
  };
  refuses(ErrorCode::io, "does not have them", ScriptedServer(lie));
  refuses(ErrorCode::io, "it has no", ScriptedServer([&](const ScriptedRequest& r) {
            return r.range()->from < bytes.size() ? lie(r) : http_answer("416 Range Not Satisfiable", "");
          }));
}

// Without pieces its word is all there is, but not whatever it says.
TEST_F(ModelHeaderTest, ALengthThatNoFileHasIsNotBelieved) {
  for (const char* length : {"1125899906842625", "9223372036854775807"}) {
    refuses(ErrorCode::io, "no model has as many", ScriptedServer([&](const ScriptedRequest&) {
              return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::string(length) + "\r\n\r\n" +
                     large_model();
            }));
  }
}

// It would send all of the model, which nobody asked for.
TEST_F(ModelHeaderTest, AServerThatSendsEverythingForTheLastByteIsLeft) {
  const std::string model = large_model() + std::string(16U << 20U, 'x');
  refuses(ErrorCode::io, "none of its end", ScriptedServer([&](const ScriptedRequest& r) {
            return r.range()->from == model.size() - 1 ? http_answer("200 OK", model) : piece_of(model, r);
          }));
}

TEST_F(ModelHeaderTest, WhatIsNoModelIsSaid) {
  const auto page = [](const ScriptedRequest& r) { return piece_of("<html>sign in</html>", r); };
  refuses(ErrorCode::model_unusable, "not a GGUF file", ScriptedServer(page));
  refuses(ErrorCode::model_unusable, "it is empty",
          ScriptedServer([](const ScriptedRequest&) { return http_answer("200 OK", ""); }));
  refuses(ErrorCode::model_unusable, "cut short", ScriptedServer([&](const ScriptedRequest& r) {
            return piece_of(bytes.substr(0, gguf.header_size() / 2), r);
          }));
  refuses(ErrorCode::io, "how long it is", ScriptedServer([&](const ScriptedRequest&) {
            return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + bytes;
          }));
}

// Four gigabytes of one text: the server would send them.
TEST_F(ModelHeaderTest, AHeaderWithoutEndIsGivenUp) {
  auto endless = test::TinyGguf();
  const std::uint64_t claimed = std::uint64_t{4} << 30U;
  endless.raw("general.description", 8, std::string(reinterpret_cast<const char*>(&claimed), sizeof claimed));
  const std::string begin = endless.bytes();
  const std::string zeros(std::size_t{1} << 20U, '\0');
  const std::string length = std::to_string(claimed * 2);
  std::size_t sent = 0;
  refuses(ErrorCode::model_unusable, "longer than 256 MiB", ScriptedServer([&](const ScriptedRequest& r) {
            const std::string piece = r.range()->from == 0 ? (begin + zeros).substr(0, zeros.size()) : zeros;
            sent += piece.size();
            return http_answer("206 Partial Content", piece,
                               "Content-Range: bytes " + std::to_string(r.range()->from) + "-" +
                                   std::to_string(r.range()->from + piece.size() - 1) + "/" + length + "\r\n");
          }));
  EXPECT_LE(sent, 257U << 20U);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "m.gguf"));
}

TEST_F(ModelHeaderTest, AFileThatChangesBetweenTwoPiecesIsNotJoined) {
  const std::string model = large_model();
  int asked = 0;
  refuses(ErrorCode::io, "it changed", ScriptedServer([&](const ScriptedRequest& r) {
            return piece_of(model, r, "ETag: \"" + std::to_string(++asked) + "\"\r\n");
          }));
}

TEST_F(ModelHeaderTest, TheFolderKeepsWhatWasAskedForLast) {
  const ScriptedServer server([&](const ScriptedRequest& r) { return piece_of(bytes, r, kVersion); });
  for (int i = 0; i < 5; ++i)
    (void)fetch_header(client, server.url("/" + std::to_string(i)), {.path = folder.path(), .most = 3});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 3);
}

TEST_F(ModelHeaderTest, HoldsNoMoreOfTheDiskThanTheHeader) {
  const std::uint64_t large = std::uint64_t{3} << 30U;
  const ScriptedServer server([&](const ScriptedRequest& r) {
    const bool is_last = r.range()->from == large - 1;
    const std::string piece = is_last ? "x" : bytes;
    const std::uint64_t from = is_last ? large - 1 : 0;
    return http_answer("206 Partial Content", piece,
                       "Content-Range: bytes " + std::to_string(from) + "-" + std::to_string(from + piece.size() - 1) +
                           "/" + std::to_string(large) + "\r\n");
  });
  struct stat facts{};
  ASSERT_EQ(stat(fetch(server.url("/m.gguf")).path.c_str(), &facts), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(facts.st_size), large);
  EXPECT_LT(static_cast<std::uint64_t>(facts.st_blocks) * 512, 16U << 20U);
}

}  // namespace
}  // namespace plimsoll::remote
