// Pictures and sounds through the C interface.
#include <cstdint>
#include <limits>
#include <vector>

#include "demo_runtime.hpp"
#include "temporary_folder.hpp"
#include "tiny_projector.hpp"

namespace plimsoll::test {
namespace {

// A demo model beside a projector of random numbers.
class CApiMedia : public CApi {
 protected:
  void open_with(ProjectorKind kind) {
    open();
    plimsoll_model_info info{};
    info.size = sizeof info;
    expect_ok(plimsoll_model_info_get(model, &info));
    expect_ok(plimsoll_model_close(model));
    model = nullptr;
    const std::string projector =
        folder.write("projector.gguf", tiny_projector(kind, static_cast<std::uint32_t>(info.n_embd_inp)).bytes());
    plimsoll_model_options options = small_model();
    options.settings = "device = \"none\"\nbatch-size = 512\nubatch-size = 512\n";
    options.n_ctx = 1024;
    options.projector = projector.c_str();
    expect_ok(plimsoll_model_open(runtime, kDemo.c_str(), &options, &model));
    ASSERT_NE(model, nullptr);
  }
  [[nodiscard]] std::string marker() const {
    char* text = nullptr;
    expect_ok(plimsoll_model_media_marker(model, &text));
    return taken(text);
  }
  // What is said of these media.
  [[nodiscard]] std::string said_of(const std::vector<plimsoll_media*>& media) const {
    std::string prompt = "What is this? ";
    for (std::size_t i = 0; i < media.size(); ++i) prompt += marker();
    plimsoll_conversation* talk = nullptr;
    expect_ok(plimsoll_conversation_open(model, 0, nullptr, &talk));
    expect_ok(plimsoll_conversation_prompt_media(talk, prompt.c_str(), -1, media.data(), media.size()));
    const plimsoll_generation_options options = greedy();
    plimsoll_generation* generation = nullptr;
    expect_ok(plimsoll_conversation_generate(talk, nullptr, -1, &options, &generation));
    char* text = nullptr;
    expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
    expect_ok(plimsoll_generation_close(generation));
    expect_ok(plimsoll_conversation_close(talk));
    return taken(text);
  }

  TemporaryFolder folder;
};

TEST_F(CApiMedia, APictureIsSeenFromAFileAsFromItsPixels) {
  open_with(ProjectorKind::fixed);
  const std::string file = folder.write("picture.bmp", bmp_file(40, 24));
  const std::vector<std::uint8_t> pixels = random_pixels(40, 24);
  plimsoll_media* from_file = nullptr;
  plimsoll_media* from_pixels = nullptr;
  expect_ok(plimsoll_media_from_file(model, file.c_str(), &from_file));
  expect_ok(plimsoll_media_from_pixels(40, 24, pixels.data(), pixels.size(), &from_pixels));
  const std::string said = said_of({from_file});
  EXPECT_FALSE(said.empty());
  EXPECT_EQ(said_of({from_pixels}), said);
  EXPECT_FALSE(said_of({from_file, from_pixels}).empty());

  plimsoll_conversation* talk = nullptr;
  expect_ok(plimsoll_conversation_open(model, 0, nullptr, &talk));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_conversation_prompt_media(talk, "none", -1, &from_file, 1));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_conversation_prompt_media(talk, marker().c_str(), -1, nullptr, 1));
  expect_ok(plimsoll_media_close(from_file));
  expect_code(PLIMSOLL_USAGE, "media were closed already",
              plimsoll_conversation_prompt_media(talk, marker().c_str(), -1, &from_file, 1));
  std::uint64_t size = 7;
  expect_ok(plimsoll_conversation_size(talk, &size, nullptr));
  EXPECT_EQ(size, 0U);  // whatever was refused, nothing was appended
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_media_close(from_pixels));

  plimsoll_media* wrong = nullptr;
  expect_code(PLIMSOLL_IO, "cannot be read",
              plimsoll_media_from_file(model, folder.path("nowhere.png").c_str(), &wrong));
  EXPECT_EQ(wrong, nullptr);
}

TEST_F(CApiMedia, ASoundIsHeard) {
  open_with(ProjectorKind::hears);
  const std::vector<float> samples(16'000, 0.25F);
  plimsoll_media* sound = nullptr;
  expect_ok(plimsoll_media_from_samples(samples.data(), samples.size(), &sound));
  EXPECT_FALSE(said_of({sound}).empty());
  expect_ok(plimsoll_media_close(sound));
  expect_code(PLIMSOLL_USAGE, "", plimsoll_media_from_samples(nullptr, 0, &sound));
  expect_code(PLIMSOLL_USAGE, "4294967295", plimsoll_media_from_samples(samples.data(), 0xFFFFFFFFULL, &sound));
}

TEST_F(CApiMedia, AChatSeesWhatIsSaidWithIt) {
  open_with(ProjectorKind::fixed);
  const std::vector<std::uint8_t> pixels = random_pixels(40, 24);
  plimsoll_media* picture = nullptr;
  expect_ok(plimsoll_media_from_pixels(40, 24, pixels.data(), pixels.size(), &picture));
  plimsoll_chat* chat = nullptr;
  expect_ok(plimsoll_chat_open(model, nullptr, &chat));
  const plimsoll_generation_options options = greedy();
  plimsoll_generation* generation = nullptr;
  expect_code(PLIMSOLL_USAGE, "2 markers",
              plimsoll_chat_say_media(chat, (marker() + marker()).c_str(), -1, &picture, 1, &options, &generation));
  EXPECT_EQ(generation, nullptr);
  expect_ok(plimsoll_chat_say_media(chat, "What is this?", -1, &picture, 1, &options, &generation));
  expect_ok(plimsoll_media_close(picture));
  char* text = nullptr;
  expect_ok(plimsoll_generation_rest(generation, &text, nullptr));
  expect_ok(plimsoll_generation_close(generation));
  EXPECT_FALSE(taken(text).empty());
  expect_ok(plimsoll_chat_history_json(chat, &text));
  EXPECT_NE(taken(text).find(marker() + "What is this?"), std::string::npos);
  expect_ok(plimsoll_chat_close(chat));
}

TEST_F(CApi, AModelWithoutAProjectorSeesNothing) {
  open();
  char* marker = nullptr;
  expect_code(PLIMSOLL_USAGE, "projector", plimsoll_model_media_marker(model, &marker));
  plimsoll_media* media = nullptr;
  const std::vector<std::uint8_t> pixels(std::size_t{4} * 4 * 3, 128);
  expect_ok(plimsoll_media_from_pixels(4, 4, pixels.data(), pixels.size(), &media));
  plimsoll_conversation* talk = nullptr;
  expect_ok(plimsoll_conversation_open(model, 0, nullptr, &talk));
  expect_code(PLIMSOLL_USAGE, "projector", plimsoll_conversation_prompt_media(talk, "Look: ", -1, &media, 1));
  plimsoll_media* wrong = nullptr;
  expect_code(PLIMSOLL_USAGE, "", plimsoll_media_from_pixels(5, 4, pixels.data(), pixels.size(), &wrong));
  EXPECT_EQ(wrong, nullptr);
  expect_ok(plimsoll_conversation_close(talk));
  expect_ok(plimsoll_media_close(media));
  expect_code(PLIMSOLL_USAGE, "closed", plimsoll_media_close(media));
}

}  // namespace
}  // namespace plimsoll::test
