// The fuzzers' corpora (tests/fuzz/corpus), fed without a fuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "../fuzz/feed_fleet.hpp"
#include "../fuzz/feeds.hpp"
#include "paths.hpp"

namespace plimsoll::api {
namespace {

std::vector<std::string> corpus(const std::string& name) {
  std::vector<std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/fuzz/corpus/" + name))) {
    std::ifstream file(entry.path(), std::ios::binary);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  EXPECT_FALSE(texts.empty()) << name;
  return texts;
}

// Each as it is, and cut off at every tenth place.
void feed(const std::string& name, const std::function<void(const std::string&)>& work) {
  for (const std::string& text : corpus(name)) {
    SCOPED_TRACE(text);
    EXPECT_NO_THROW(work(text));
    for (std::size_t i = 0; i < text.size(); i += 10) EXPECT_NO_THROW(work(text.substr(0, i)));
  }
}

TEST(CorpusTest, Api) { feed("api", fuzz::feed_api); }
TEST(CorpusTest, Reader) { feed("api", fuzz::feed_reader); }
TEST(CorpusTest, Schema) { feed("schema", fuzz::feed_schema); }
TEST(CorpusTest, Fleet) { feed("fleet", fuzz::feed_fleet); }

}  // namespace
}  // namespace plimsoll::api
