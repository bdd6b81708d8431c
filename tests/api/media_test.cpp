// Pictures and sounds in the words of every API: where their marks stand, and what is refused of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/dialect.hpp"
#include "api/unknown_fields.hpp"

#include "expect_problem.hpp"
#include "media_fields.hpp"

namespace plimsoll::api {
namespace {

using test::expect_problem;

// What they say at their beginning: 2 x 3 pixels, 65535 x 65535 pixels; two samples of 8 kHz.
constexpr const char* kPicture = "R0lGODlhAgADAA==";
constexpr const char* kHuge = "R0lGODlh/////w==";
constexpr const char* kSound = "UklGRgAAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQQAAAAAAAAA";
constexpr const char* kWebP = "UklGRi4uLi5XRUJQVlA4IA==";

// A text with "{0}" for each mark.
std::string shown(const Asked& asked, const std::string& text) {
  return asked.request.media.marks().with_marks_replaced(
      text, [](std::size_t medium) { return "{" + std::to_string(medium) + "}"; });
}

std::string last(const Asked& asked) {
  return shown(asked, std::get<ChatPrompt>(asked.request.prompt).messages.back().content);
}

Asked chat(const std::string& part) {
  return read_chat_completion(
      Json::parse(R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "See "}, )" + part + "]}]}"));
}

std::string url(const std::string& text) {
  return R"({"type": "image_url", "image_url": {"detail": "low", "url": ")" + text + "\"}}";
}

TEST(MediaTest, OpenAisPartsStandWhereTheyStood) {
  const Asked asked =
      chat(url(std::string("data:image/gif;base64,") + kPicture) + R"(, {"type": "text", "text": "."})");
  EXPECT_EQ(last(asked), "See {0}.");
  ASSERT_EQ(asked.request.media.all().size(), 1U);
  const Medium& picture = asked.request.media.all().front();
  EXPECT_EQ(picture.file, std::string("GIF89a\x02\0\x03\0", 10));
  EXPECT_EQ(picture.path, "messages[0].content[1]");
  EXPECT_EQ(picture.facts.width, 2U);
  EXPECT_EQ(picture.facts.height, 3U);
  const Asked sound =
      chat(std::string(R"({"type": "input_audio", "input_audio": {"format": "wav", "data": ")") + kSound + "\"}}");
  EXPECT_EQ(last(sound), "See {0}");
  EXPECT_EQ(sound.request.media.all().front().facts.kind, engine::MediaFile::Kind::sound);
}

TEST(MediaTest, WhatSomebodySaysIsNoMark) {
  Asked asked = chat(url(std::string("data:;base64,") + kPicture));
  const std::string& text = std::get<ChatPrompt>(asked.request.prompt).messages.back().content;
  EXPECT_EQ(asked.request.media.marks().places_in(text).size(), 1U);
  EXPECT_TRUE(chat(url(std::string("data:;base64,") + kPicture)).request.media.marks().places_in(text).empty())
      << "of another request";
  EXPECT_TRUE(asked.request.media.marks().places_in("<__media__> medium_0_ <|image_pad|>").empty());
}

TEST(MediaTest, OtherApisParts) {
  const Asked response = read_response(Json::parse(
      R"({"input": [{"role": "user", "content": [{"type": "input_text", "text": "See "},
          {"type": "input_image", "detail": "auto", "image_url": "data:image/gif;base64,)" +
      std::string(kPicture) + "\"}]}]}"));
  EXPECT_EQ(last(response), "See {0}");
  const Asked message = read_message(Json::parse(
      R"({"max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64",
          "media_type": "image/gif", "data": ")" +
      std::string(kPicture) + R"("}}, {"type": "text", "text": "See."}]}]})"));
  EXPECT_EQ(last(message), "{0}\nSee.");
  const Asked studio = read_lm_studio_chat(
      Json::parse(R"({"input": [{"type": "text", "content": "See "}, {"type": "image", "data_url": "data:;base64,)" +
                  std::string(kPicture) + "\"}]}"));
  EXPECT_EQ(last(studio), "See {0}");
  EXPECT_EQ(studio.request.media.all().size(), 1U);
}

TEST(MediaTest, OllamasStandInFront) {
  const std::string two = fmt::format(R"("images": ["{}", "data:image/gif;base64,{}"])", kPicture, kPicture);
  EXPECT_EQ(last(read_ollama_chat(Json::parse(R"({"messages": [{"role": "user", "content": "See.", )" + two + "}]}"))),
            "{0}{1}See.");
  const Asked generated = read_ollama_generate(Json::parse(R"({"prompt": "See.", )" + two + "}"));
  EXPECT_EQ(last(generated), "{0}{1}See.");
  const Asked raw = read_ollama_generate(Json::parse(R"({"raw": true, "prompt": "See.", )" + two + "}"));
  EXPECT_EQ(shown(raw, std::get<std::string>(std::get<std::vector<RawPrompt>>(raw.request.prompt).front())),
            "{0}{1}See.");
  EXPECT_FALSE(read_ollama_generate(Json::parse("{" + two + "}")).only_loads);
}

TEST(MediaTest, LlamaServersStandAtItsMarkers) {
  const auto ask = [](const std::string& text, const std::string& data) {
    return read_llama_completion({{"prompt", {{"prompt_string", text}, {"multimodal_data", Json::parse(data)}}}});
  };
  const std::string two = fmt::format(R"(["{}", "{}"])", kPicture, kSound);
  const Asked asked = ask("a <__media__> b <__media__>", two);
  EXPECT_EQ(shown(asked, std::get<std::string>(std::get<std::vector<RawPrompt>>(asked.request.prompt).front())),
            "a {0} b {1}");
  expect_problem("prompt.multimodal_data", "the text has 1 markers", [&] { return ask("<__media__>", two); });
  expect_problem("prompt.multimodal_data", "more markers",
                 [&] { return ask("<__media__><__media__><__media__>", two); });
  expect_problem("prompt", "stands alone", [&] {
    return read_llama_completion(
        {{"prompt", {"a", {{"prompt_string", "<__media__>"}, {"multimodal_data", Json::array({kPicture})}}}}});
  });
}

TEST(MediaTest, WhatAToolSawIsAMarkWithWordsForThoseWhoDoNotSee) {
  const UnknownFields unknown(UnknownRule::ignore);
  const Asked asked = read_message(Json::parse(
      R"({"max_tokens": 1, "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": [
          {"type": "tool_use", "id": "t", "name": "look", "input": {}}]}, {"role": "user", "content": [
          {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "base64",
            "data": ")" +
      std::string(kPicture) + R"("}}]}]}]})"));
  EXPECT_EQ(last(asked), "{0}");
  EXPECT_EQ(asked.request.media.all().front().instead, "[image left out: this model reads text]");
  EXPECT_TRUE(unknown.ignored().empty());
}

TEST(MediaTest, WhatLiesElsewhereHasItsAddress) {
  const Asked asked = chat(url("HTTPS://ships.example/Rose.png"));
  const Medium& picture = asked.request.media.all().front();
  EXPECT_EQ(picture.address, "https://ships.example/Rose.png");
  EXPECT_EQ(picture.facts.kind, engine::MediaFile::Kind::picture);
  EXPECT_TRUE(picture.file.empty());
  const Asked heard = chat(R"({"type": "audio_url", "audio_url": {"url": "file://horn.wav"}})");
  EXPECT_EQ(heard.request.media.all().front().facts.kind, engine::MediaFile::Kind::sound);
  const Asked message = read_message(Json::parse(R"({"max_tokens": 1, "messages": [{"role": "user", "content": [
      {"type": "image", "source": {"type": "url", "url": "http://ships.example/a.png"}}]}]})"));
  EXPECT_EQ(message.request.media.all().front().address, "http://ships.example/a.png");
}

TEST(MediaTest, BytesThatComeFromElsewhereAreJudgedAsOthers) {
  Asked asked = chat(url("https://ships.example/rose.png"));
  Medium& picture = asked.request.media.all().front();
  expect_problem("messages[0].content[1]", "neither a picture", [&] {
    MediaList::take_file(picture, "<html>");
    return 0;
  });
  EXPECT_FALSE(picture.address.empty());
  MediaList::take_file(picture, from_base64(kPicture).value());
  EXPECT_TRUE(picture.address.empty());
  EXPECT_GT(picture.facts.pixels(), 0U);
}

TEST(MediaTest, WhatIsRefusedIsNamedWithItsPlace) {
  const auto refuse = [](const std::string& text, const char* words) {
    SCOPED_TRACE(text);
    expect_problem("messages[0].content[1]", words, [&] { return chat(url(text)); });
  };
  refuse("ftp://ships.example/rose.png", "begins with 'ftp://'");
  refuse("https://ships.example/" + std::string(5000, 'x'), "more than 4096 letters");
  refuse("data:image/png,abc", "without base64");
  refuse("data:image/png;base64,a", "is not base64");
  refuse("data:image/png;base64,????", "is not base64");
  refuse("data:image/png;base64,aGk=", "neither a picture nor a sound");
  refuse(std::string("data:image/gif;base64,") + kHuge, "is a picture of 65535 x 65535 pixels; 67 million");
  refuse(std::string("data:image/webp;base64,") + kWebP, "is of the kind WebP; PNG, JPEG");
  refuse("data:image/gif;base64,R0lGODlh", "is a damaged GIF file");
  expect_problem("messages[0].content[1].type", "pictures and sounds are understood",
                 [] { return chat(R"({"type": "file", "file": {}})"); });
  const auto message = [](const char* role) {
    return read_chat_completion(Json::parse(
        fmt::format(R"({{"messages": [{{"role": "user", "content": "a"}}, {{"role": "{}", "content": [{}]}}]}})", role,
                    url(std::string("data:;base64,") + kPicture))));
  };
  expect_problem("messages[1].content[0].type", "what the user says", [&] { return message("assistant"); });
  std::string many = url(std::string("data:;base64,") + kPicture);
  for (std::size_t i = 0; i < kMostMedia; ++i) many += ", " + url(std::string("data:;base64,") + kPicture);
  expect_problem("messages[0].content[129]", "one too many", [&] { return chat(many); });
}

TEST(MediaTest, Base64) {
  EXPECT_EQ(from_base64("aGk="), "hi");
  EXPECT_EQ(from_base64("aGk"), "hi");
  EXPECT_EQ(from_base64("aG\r\nk="), "hi");
  EXPECT_EQ(from_base64("-_-_"), from_base64("+/+/"));
  EXPECT_EQ(from_base64(""), "");
  for (const char* wrong : {"a", "a===", "aGk==", "aGk=x", "aGk*", "===="})
    EXPECT_EQ(from_base64(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace plimsoll::api
