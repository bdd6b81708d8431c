#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/utf8.hpp"

#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "generation_options.hpp"
#include "media.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

using plimsoll::ChatOptions;
using plimsoll::Error;
using plimsoll::ErrorCode;

plimsoll::ChatForm form_of(std::int32_t form) {
  switch (form) {
    case PLIMSOLL_FORM_TEMPLATE:
      return {};
    case PLIMSOLL_FORM_INSTRUCT:
      return plimsoll::instruct_form();
    case PLIMSOLL_FORM_ROLE_NAMES:
      return plimsoll::role_name_form();
    default:
      throw Error(ErrorCode::usage, fmt::format("there is no form {} of a chat", form));
  }
}

ChatOptions options_of(const plimsoll_chat_options& given) {
  require_reserved(given.reserved, "plimsoll_chat_options");
  ChatOptions out;
  out.system = optional_text(given.system);
  out.form = form_of(given.form);
  out.forget_oldest = given.forget_oldest != 0;
  return out;
}

std::string text(const char* given, std::int64_t length, const char* what) {
  return std::string(text_of(given, length, what));
}

template <class Begin>
plimsoll_error* turn(plimsoll_chat* chat, const plimsoll_generation_options* options, plimsoll_generation** generation,
                     Begin&& begin) {
  return emptying_call([&] {
    *place_of(generation, "generation") = nullptr;
    require_no_quiet_callback();
    const Use use(chat);
    *generation =
        begun(options, use->in_use, [&](AskedGeneration& asked) { return begin(use->chat, std::move(asked.options)); });
  });
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_chat_options_init(plimsoll_chat_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_chat_open(plimsoll_model* model, const plimsoll_chat_options* options, plimsoll_chat** chat) {
  return emptying_call([&] {
    *place_of(chat, "chat") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    const plimsoll_chat_options given = known(options);
    CallbackRun run;
    run.follow(given.stop);
    *chat = handle_of(std::make_shared<plimsoll_chat>(plimsoll::Chat(
        object->model, options_of(given), {.patience = patience_of(given.patience_ms), .stop = run.stop_token()})));
  });
}

plimsoll_error* plimsoll_chat_close(plimsoll_chat* chat) { return closed(chat); }

plimsoll_error* plimsoll_chat_say(plimsoll_chat* chat, const char* said, int64_t length,
                                  const plimsoll_generation_options* options, plimsoll_generation** generation) {
  return turn(chat, options, generation, [&](plimsoll::Chat& with, plimsoll::GenerationOptions how) {
    return with.say(text(said, length, "text"), std::move(how));
  });
}

plimsoll_error* plimsoll_chat_say_media(plimsoll_chat* chat, const char* said, int64_t length,
                                        plimsoll_media* const* media, uint64_t count,
                                        const plimsoll_generation_options* options, plimsoll_generation** generation) {
  return turn(chat, options, generation, [&](plimsoll::Chat& with, plimsoll::GenerationOptions how) {
    return with.say(text(said, length, "text"), media_of(media, count), std::move(how));
  });
}

plimsoll_error* plimsoll_chat_regenerate(plimsoll_chat* chat, const plimsoll_generation_options* options,
                                         plimsoll_generation** generation) {
  return turn(chat, options, generation,
              [](plimsoll::Chat& with, plimsoll::GenerationOptions how) { return with.regenerate(std::move(how)); });
}

plimsoll_error* plimsoll_chat_answer(plimsoll_chat* chat, const plimsoll_generation_options* options,
                                     plimsoll_generation** generation) {
  return turn(chat, options, generation,
              [](plimsoll::Chat& with, plimsoll::GenerationOptions how) { return with.answer(std::move(how)); });
}

plimsoll_error* plimsoll_chat_history_json(plimsoll_chat* chat, char** json) {
  return emptying_call([&] {
    *place_of(json, "JSON") = nullptr;
    require_no_quiet_callback();
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const plimsoll::ChatMessage& message : Use(chat)->chat.history())
      list.push_back({{"role", plimsoll::as_utf8(message.role)}, {"content", plimsoll::as_utf8(message.content)}});
    give_text(list.dump(), json);
  });
}

plimsoll_error* plimsoll_chat_add(plimsoll_chat* chat, const char* role, const char* content, int64_t length) {
  return call(
      [&] { Use(chat)->chat.add({.role = required_text(role, "role"), .content = text(content, length, "content")}); });
}

plimsoll_error* plimsoll_chat_replace(plimsoll_chat* chat, uint64_t index, const char* content, int64_t length) {
  return call([&] { Use(chat)->chat.replace(index, text(content, length, "content")); });
}

plimsoll_error* plimsoll_chat_remove_from(plimsoll_chat* chat, uint64_t index) {
  return call([&] { Use(chat)->chat.remove_from(index); });
}

plimsoll_error* plimsoll_chat_undo(plimsoll_chat* chat, plimsoll_bool* undone) {
  return emptying_call([&] {
    if (undone != nullptr) *undone = 0;
    require_no_quiet_callback();
    const bool was = Use(chat)->chat.undo();
    if (undone != nullptr) *undone = was;
  });
}

plimsoll_error* plimsoll_chat_set_system(plimsoll_chat* chat, const char* system) {
  return call([&] { Use(chat)->chat.set_system(optional_text(system)); });
}

plimsoll_error* plimsoll_chat_clear(plimsoll_chat* chat) {
  return call([&] { Use(chat)->chat.clear(); });
}

plimsoll_error* plimsoll_chat_save(plimsoll_chat* chat, const char* path) {
  return call([&] { Use(chat)->chat.save(required_text(path, "path")); });
}

plimsoll_error* plimsoll_chat_load(plimsoll_chat* chat, const char* path) {
  return call([&] { Use(chat)->chat.load(required_text(path, "path")); });
}

}  // extern "C"
