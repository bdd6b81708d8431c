// Damaged and hostile files end in a sentence, before the engine sees them.
#include <gtest/gtest.h>

#include <gguf.h>

#include <random>
#include <span>

#include "engine/gguf_header.hpp"
#include "engine/model.hpp"

#include "expect_error.hpp"
#include "temporary_folder.hpp"
#include "tiny_gguf.hpp"

namespace plimsoll::engine {
namespace {

using test::expect_error;
using test::TemporaryFolder;
using test::tiny_llama;
using test::TinyGguf;

class GgufHeaderTest : public testing::Test {
 protected:
  void expect_unusable(const std::string& bytes, const std::string& words) {
    const std::string path = folder_.write("model.gguf", bytes);
    expect_error(ErrorCode::model_unusable, words, [&] { check_model_file(path); });
    expect_error(ErrorCode::model_unusable, path, [&] { check_model_file(path); });
  }
  void expect_unusable(const TinyGguf& file, const std::string& words) { expect_unusable(file.bytes(), words); }

  TemporaryFolder folder_;
};

// 200 bytes of metadata, nothing that a model needs beyond its architecture.
TinyGguf small_file() {
  TinyGguf file;
  file.text("general.architecture", "llama").tensor("a", {8}, {1}).tensor("b", {4, 2}, {2});
  return file;
}

TEST_F(GgufHeaderTest, TellsArchitectureAndPlaces) {
  const TinyGguf file = small_file();
  const GgufHeader header = read_gguf_header(folder_.write("m.gguf", file.bytes()));
  EXPECT_EQ(header.version, 3U);
  EXPECT_EQ(header.architecture, "llama");
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors.at("a").offset, file.header_size());
  EXPECT_EQ(header.tensors.at("b").offset, file.header_size() + 32);
  EXPECT_EQ(header.tensors.at("b").bytes, 32U);
}

TEST_F(GgufHeaderTest, ReadsEveryKindOfValue) {
  TinyGguf file = tiny_llama();
  file.raw("b", 7, "\1").raw("u8", 0, "\1").raw("i16", 3, std::string(2, 'x')).raw("u64", 10, std::string(8, 'x'));
  file.raw("f64", 12, std::string(8, 'x')).texts("empty", {});
  EXPECT_EQ(read_gguf_header(folder_.write("m.gguf", file.bytes())).tensors.size(), 3U + 2 * 9);
}

// From every number of a file's first bytes: that they are too few, or how many the header has.
TEST_F(GgufHeaderTest, TellsFromTheFirstBytesHowLongAHeaderIs) {
  const TinyGguf file = small_file().texts("tokens", {"a", "bc"}).numbers("types", {1, 2});
  const std::string bytes = file.bytes();
  const auto header_bytes = [&](std::size_t count, std::size_t of) {
    return gguf_header_bytes("m", std::as_bytes(std::span(bytes)).first(count), of);
  };
  ASSERT_EQ(header_bytes(bytes.size(), bytes.size()), file.header_size());
  for (std::size_t count = 0; count < bytes.size(); ++count) {
    const auto end = header_bytes(count, bytes.size());
    EXPECT_TRUE(!end || (end == file.header_size() && count + GGUF_DEFAULT_ALIGNMENT > *end)) << count;
    EXPECT_TRUE(end || count < file.header_size()) << count;
  }
  // The same bytes of a file that ends there.
  for (const std::size_t count : {std::size_t{3}, std::size_t{30}, file.header_size() / 2})
    expect_error(ErrorCode::model_unusable, "'m' cannot be used", [&] { (void)header_bytes(count, count); });
}

TEST_F(GgufHeaderTest, SaysThatThereIsNoSuchFile) {
  expect_error(ErrorCode::model_unusable, "there is no such file",
               [&] { check_model_file(folder_.path("absent.gguf")); });
}

TEST_F(GgufHeaderTest, SaysThatALinkLeadsNowhere) {
  std::filesystem::create_symlink(folder_.path("absent"), folder_.path("link.gguf"));
  expect_error(ErrorCode::model_unusable, "there is no such file",
               [&] { check_model_file(folder_.path("link.gguf")); });
}

TEST_F(GgufHeaderTest, SaysThatAPathHasNoNul) {
  const std::string path = folder_.write("m.gguf", small_file().bytes());
  expect_error(ErrorCode::model_unusable, "m.gguf\\0…' cannot be used: a path has no NUL",
               [&] { check_model_file(path + std::string("\0b", 2)); });
}

TEST_F(GgufHeaderTest, SaysThatItIsADirectory) {
  std::filesystem::create_directory(folder_.path("d.gguf"));
  expect_error(ErrorCode::model_unusable, "directory", [&] { check_model_file(folder_.path("d.gguf")); });
}

TEST_F(GgufHeaderTest, SaysThatItIsADevice) {
  expect_error(ErrorCode::model_unusable, "not a regular file", [] { check_model_file("/dev/null"); });
}

TEST_F(GgufHeaderTest, SaysThatAPathIsTooLong) {
  expect_error(ErrorCode::model_unusable, "name too long", [] { check_model_file(std::string(9000, 'x')); });
}

TEST_F(GgufHeaderTest, SaysThatItIsEmpty) { expect_unusable("", "it is empty"); }

TEST_F(GgufHeaderTest, SaysThatItIsNoGguf) {
  expect_unusable("GG", "not a GGUF file");
  expect_unusable("#!/bin/sh\necho no model\n", "not a GGUF file");
  TinyGguf file = small_file();
  file.magic = "GGML";
  expect_unusable(file, "not a GGUF file");
}

TEST_F(GgufHeaderTest, SaysWhichVersionItCannotRead) {
  TinyGguf file = small_file();
  file.version = 4;
  expect_unusable(file, "GGUF version 4; this engine reads up to version 3");
  file.version = 1;
  expect_unusable(file, "GGUF version 1, which the engine no longer reads");
  file.version = 0;
  expect_unusable(file, "GGUF version 0");
  file.version = 0x03000000;
  expect_unusable(file, "big-endian");
}

TEST_F(GgufHeaderTest, IsUnusableWhereverItIsCut) {
  const std::string whole = tiny_llama().bytes();
  for (std::size_t part = 1; part < 50; ++part) {
    SCOPED_TRACE(part);
    expect_unusable(whole.substr(0, whole.size() * part / 50), "it is cut short");
  }
}

TEST_F(GgufHeaderTest, IsUnusableWhereverItsHeaderIsCut) {
  const TinyGguf file = small_file();
  const std::string whole = file.bytes();
  for (std::size_t size = 5; size < file.header_size(); ++size) {
    SCOPED_TRACE(size);
    expect_unusable(whole.substr(0, size), "it is cut short");
  }
}

TEST_F(GgufHeaderTest, DoesNotBelieveCounts) {
  TinyGguf file = small_file();
  file.claimed_tensors = ~0ULL;
  expect_unusable(file, "it claims 18446744073709551615 tensors");
  file = small_file();
  file.claimed_keys = 1ULL << 40;
  expect_unusable(file, "1099511627776 keys");
  file = small_file();
  file.claimed_tensors = 100'000;
  expect_unusable(file, "cannot be used");
}

std::string u32(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }
std::string u64(std::uint64_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

TEST_F(GgufHeaderTest, DoesNotBelieveLengths) {
  for (const std::uint64_t length : {std::uint64_t{1} << 20, std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
    SCOPED_TRACE(length);
    expect_unusable(small_file().raw("long.text", 8, u64(length) + "short"), "cannot be used");
    for (const std::uint32_t type : {0U, 4U, 8U, 12U}) {
      expect_unusable(small_file().raw("long.array", 9, u32(type) + u64(length) + "short"), "cannot be used");
    }
  }
}

TEST_F(GgufHeaderTest, SaysThatATypeIsUnknown) {
  expect_unusable(small_file().raw("strange", 77, "x"), "the value of 'strange' has the unknown type 77");
  expect_unusable(small_file().raw("strange", 9, u32(77) + u64(1)), "an array of the unknown type 77");
  expect_unusable(small_file().raw("nested", 9, u32(9) + u64(1)), "unknown type 9");
  expect_unusable(small_file().raw_tensor("odd", {8}, 4242, 64), "its tensor 'odd' has the unknown type 4242");
  expect_unusable(small_file().raw_tensor("gone", {8}, 4, 64),
                  "its tensor 'gone' has the unknown type 4");  // Q4_2, removed
}

TEST_F(GgufHeaderTest, SaysThatAnAlignmentIsImpossible) {
  for (const std::uint32_t alignment : {0U, 3U, 33U}) {
    expect_unusable(small_file().number("general.alignment", alignment), "alignment is not a power of two");
  }
}

TEST_F(GgufHeaderTest, SaysThatATensorLiesOutsideTheFile) {
  expect_unusable(small_file().raw_tensor("far", {8}, 0, 1 << 20), "its tensor 'far' lies outside the file");
  expect_unusable(small_file().raw_tensor("far", {8}, 0, ~0ULL - 15), "its tensor 'far' lies outside the file");
  expect_unusable(small_file().raw_tensor("large", {1 << 20}, 0, 0), "its tensor 'large' lies outside the file");
}

TEST_F(GgufHeaderTest, SaysThatASizeIsImpossible) {
  const std::uint64_t huge = 1ULL << 40;
  expect_unusable(small_file().raw_tensor("huge", {huge, huge}, 0, 0), "its tensor 'huge' has an impossible size");
  expect_unusable(small_file().raw_tensor("deep", {1, 1, 1, 1, 1}, 0, 0), "has 5 dimensions");
  expect_unusable(small_file().raw_tensor("uneven", {33}, 8, 0), "rows of its tensor 'uneven'");  // q8_0: 32 at a time
}

TEST_F(GgufHeaderTest, SaysThatTheArchitectureIsMissing) {
  TinyGguf file;
  file.tensor("a", {8}, {1});
  expect_unusable(file, "does not say which architecture");
}

// Whatever single bytes are changed to: an answer or model_unusable, nothing else.
TEST_F(GgufHeaderTest, NeverThrowsAnythingElseForChangedBytes) {
  const TinyGguf file = small_file();
  const std::string whole = file.bytes();
  std::mt19937 random(7);
  std::size_t unusable = 0;
  for (std::size_t at = 0; at < file.header_size(); ++at) {
    for (const char value : {'\0', '\x7F', '\xFF', static_cast<char>(random())}) {
      std::string changed = whole;
      changed[at] = value;
      const std::string path = folder_.write("changed.gguf", changed);
      try {
        (void)read_gguf_header(path);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::model_unusable) << "byte " << at << ": " << error.what();
        ++unusable;
      }
    }
  }
  EXPECT_GT(unusable, file.header_size());
}

TEST_F(GgufHeaderTest, SaysWhichPartOfAModelIsWanted) {
  const auto part = [](char number) {
    TinyGguf file = small_file();
    file.raw("split.no", 2, std::string{number, '\0'}).raw("split.count", 2, std::string{'\3', '\0'});
    return file.bytes();
  };
  const std::string second = folder_.write("a-00002-of-00003.gguf", part('\1'));
  expect_error(ErrorCode::model_unusable,
               "it is part 2 of 3 of a model; name '" + folder_.path("a-00001-of-00003.gguf"),
               [&] { check_model_file(second); });
  const std::string first = folder_.write("a-00001-of-00003.gguf", part('\0'));
  expect_error(ErrorCode::model_unusable, "a-00003-of-00003.gguf' cannot be used: there is no such file",
               [&] { check_model_file(first); });
  expect_unusable(part('\0'), "NAME-00001-of-00003.gguf");  // of another name
  expect_unusable(part('\1'), "part 2 of 3 of a model; name the first");
}

TEST(SplitFilesTest, KnowsTheEnginesNames) {
  EXPECT_EQ(
      split_files("/m/a-00001-of-00003.gguf"),
      (std::vector<std::string>{"/m/a-00001-of-00003.gguf", "/m/a-00002-of-00003.gguf", "/m/a-00003-of-00003.gguf"}));
  EXPECT_EQ(split_files("a.gguf"), std::vector<std::string>{"a.gguf"});
  EXPECT_EQ(split_files("a-00002-of-00003.gguf"), std::vector<std::string>{"a-00002-of-00003.gguf"});
  EXPECT_EQ(split_files("a-00001-of-00000.gguf"), std::vector<std::string>{"a-00001-of-00000.gguf"});
  EXPECT_EQ(split_files("-00001-of-00001.gguf"), std::vector<std::string>{"-00001-of-00001.gguf"});
  EXPECT_EQ(split_files("a-00001-of--0001.gguf"), std::vector<std::string>{"a-00001-of--0001.gguf"});
}

}  // namespace
}  // namespace plimsoll::engine
