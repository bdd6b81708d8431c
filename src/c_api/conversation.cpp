#include "allocations.hpp"
#include "call.hpp"
#include "generation_options.hpp"
#include "media.hpp"
#include "objects.hpp"

using namespace plimsoll::c_api;

namespace {

using plimsoll::Conversation;
using plimsoll::Error;
using plimsoll::ErrorCode;
using plimsoll::WaitOptions;

// A conversation for the length of a call, with the lease that it belongs to.
class Talk {
 public:
  explicit Talk(plimsoll_conversation* handle) : use_(handle), lease_(use_->lease.lock()) {
    if (!use_->own && !lease_) throw Error(ErrorCode::usage, "the lease of this conversation was closed");
  }
  [[nodiscard]] Conversation& operator*() const { return use_->own ? *use_->own : lease_->lease.conversation(); }
  [[nodiscard]] Conversation* operator->() const { return &**this; }
  [[nodiscard]] const std::shared_ptr<InUse>& in_use() const noexcept { return use_->in_use; }

 private:
  Use<plimsoll_conversation> use_;
  std::shared_ptr<plimsoll_lease> lease_;
};

// Waits as the caller says; its stop is held meanwhile.
template <class Take>
plimsoll_conversation* taken(std::int64_t patience_ms, plimsoll_stop* stop, Take&& take) {
  CallbackRun run;
  run.follow(stop);
  return handle_of(std::make_shared<plimsoll_conversation>(
      take(WaitOptions{.patience = patience_of(patience_ms), .stop = run.stop_token()})));
}

plimsoll::Generation generated(Conversation& conversation, const char* text, std::int64_t length,
                               plimsoll::GenerationOptions options) {
  if (text == nullptr && length <= 0) return conversation.generate(std::move(options));
  return conversation.generate(text_of(text, length, "text"), std::move(options));
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_conversation_open(plimsoll_model* model, int64_t patience_ms, plimsoll_stop* stop,
                                           plimsoll_conversation** conversation) {
  return emptying_call([&] {
    *place_of(conversation, "conversation") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    *conversation = taken(patience_ms, stop, [&](WaitOptions wait) { return object->model.conversation(wait); });
  });
}

plimsoll_error* plimsoll_conversation_load(plimsoll_model* model, const char* path, int64_t patience_ms,
                                           plimsoll_stop* stop, plimsoll_conversation** conversation) {
  return emptying_call([&] {
    *place_of(conversation, "conversation") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    const std::string file = required_text(path, "path");
    *conversation =
        taken(patience_ms, stop, [&](WaitOptions wait) { return object->model.load_conversation(file, wait); });
  });
}

plimsoll_error* plimsoll_conversation_fork(plimsoll_conversation* conversation, plimsoll_conversation** fork) {
  return emptying_call([&] {
    *place_of(fork, "fork") = nullptr;
    require_no_quiet_callback();
    *fork = handle_of(std::make_shared<plimsoll_conversation>(Talk(conversation)->fork()));
  });
}

plimsoll_error* plimsoll_conversation_close(plimsoll_conversation* conversation) { return closed(conversation); }

plimsoll_error* plimsoll_conversation_generate(plimsoll_conversation* conversation, const char* text, int64_t length,
                                               const plimsoll_generation_options* options,
                                               plimsoll_generation** generation) {
  return emptying_call([&] {
    *place_of(generation, "generation") = nullptr;
    require_no_quiet_callback();
    const Talk talk(conversation);
    *generation = begun(options, talk.in_use(), [&](AskedGeneration& asked) {
      return generated(*talk, text, length, std::move(asked.options));
    });
  });
}

plimsoll_error* plimsoll_conversation_prompt(plimsoll_conversation* conversation, const char* text, int64_t length) {
  return call([&] { Talk(conversation)->prompt(text_of(text, length, "text")); });
}

plimsoll_error* plimsoll_conversation_prompt_media(plimsoll_conversation* conversation, const char* text,
                                                   int64_t length, plimsoll_media* const* media, uint64_t count) {
  return call([&] { Talk(conversation)->prompt(text_of(text, length, "text"), media_of(media, count)); });
}

plimsoll_error* plimsoll_conversation_prompt_tokens(plimsoll_conversation* conversation, const int32_t* tokens,
                                                    uint64_t count) {
  return call([&] { Talk(conversation)->prompt(list_of(tokens, count, "tokens")); });
}

plimsoll_error* plimsoll_conversation_replace(plimsoll_conversation* conversation, const int32_t* tokens,
                                              uint64_t count, uint64_t* reused) {
  return emptying_call([&] {
    if (reused != nullptr) *reused = 0;
    require_no_quiet_callback();
    const std::size_t there = Talk(conversation)->replace(list_of(tokens, count, "tokens"));
    if (reused != nullptr) *reused = there;
  });
}

plimsoll_error* plimsoll_conversation_infer(plimsoll_conversation* conversation, plimsoll_stop* stop) {
  return call([&] {
    CallbackRun run;
    run.follow(stop);
    Talk(conversation)->infer(run.stop_token());
  });
}

plimsoll_error* plimsoll_conversation_logits(plimsoll_conversation* conversation, const float** logits,
                                             uint64_t* count) {
  return emptying_call([&] {
    *place_of(logits, "logits") = nullptr;
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    const std::span<const float> row = Talk(conversation)->logits();
    *logits = row.data();
    *count = row.size();
  });
}

plimsoll_error* plimsoll_conversation_size(plimsoll_conversation* conversation, uint64_t* size, uint64_t* capacity) {
  return emptying_call([&] {
    if (size != nullptr) *size = 0;
    if (capacity != nullptr) *capacity = 0;
    require_no_quiet_callback();
    const Talk talk(conversation);
    if (size != nullptr) *size = talk->size();
    if (capacity != nullptr) *capacity = talk->capacity();
  });
}

plimsoll_error* plimsoll_conversation_tokens(plimsoll_conversation* conversation, int32_t** tokens, uint64_t* count) {
  return emptying_call([&] {
    *place_of(tokens, "tokens") = nullptr;
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    give_tokens(Talk(conversation)->tokens(), tokens, count);
  });
}

plimsoll_error* plimsoll_conversation_text(plimsoll_conversation* conversation, plimsoll_bool control_tokens,
                                           char** text, uint64_t* length) {
  return emptying_call([&] {
    *place_of(text, "text") = nullptr;
    if (length != nullptr) *length = 0;
    require_no_quiet_callback();
    give_text(Talk(conversation)->text(control_tokens != 0), text, length);
  });
}

plimsoll_error* plimsoll_conversation_rewind(plimsoll_conversation* conversation, uint64_t tokens) {
  return call([&] { Talk(conversation)->rewind(tokens); });
}

plimsoll_error* plimsoll_conversation_forget(plimsoll_conversation* conversation, uint64_t count, uint64_t keep) {
  return call([&] {
    const Talk talk(conversation);
    if (!talk->shift_left(count, keep)) talk->reprefill_without(count, keep);
  });
}

plimsoll_error* plimsoll_conversation_clear(plimsoll_conversation* conversation) {
  return call([&] { Talk(conversation)->clear(); });
}

plimsoll_error* plimsoll_conversation_save(plimsoll_conversation* conversation, const char* path) {
  return call([&] {
    const std::string file = required_text(path, "path");
    Talk(conversation)->save().write(file);
  });
}

}  // extern "C"
