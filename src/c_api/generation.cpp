#include "allocations.hpp"
#include "call.hpp"
#include "defaults.hpp"
#include "generation_options.hpp"

using namespace plimsoll::c_api;

namespace {

using plimsoll::Error;
using plimsoll::ErrorCode;

// A call that reads a generation. Its own callbacks run inside one, on the same thread.
class Reading {
 public:
  explicit Reading(plimsoll_generation* handle) : use_(handle) {
    if (use_->at_work)
      throw Error(ErrorCode::usage, "this generation is at work: it cannot be read from inside its own callback");
    use_->at_work = true;
  }
  ~Reading() {
    use_->at_work = false;
    use_->run->clear();
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  // False: at the end. Throws what a callback let out, and where the generation was closed meanwhile.
  [[nodiscard]] bool next() {
    require_open();
    std::optional<std::string> piece = read();
    use_->run->rethrow();
    require_open();
    use_->piece = std::move(piece).value_or("");
    return !use_->piece.empty();
  }
  void require_open() const {
    if (use_->closed) throw Error(ErrorCode::cancelled, "this generation was closed while it was at work");
  }
  [[nodiscard]] plimsoll_generation& operator*() const noexcept { return *use_; }
  [[nodiscard]] plimsoll_generation* operator->() const noexcept { return &*use_; }

 private:
  std::optional<std::string> read() {
    try {
      return use_->generation.next();
    } catch (...) {
      use_->run->rethrow();  // what a callback let out is the cause of what came after it
      throw;
    }
  }
  Use<plimsoll_generation> use_;
};

// What a callback says of one piece. What it lets out ends the generation.
bool wants_more(plimsoll_generation& generation, plimsoll_piece_function function, void* user_data) {
  try {
    return function(user_data, generation.piece.c_str(), generation.piece.size()) == 0;
  } catch (...) {
    (void)generation.run->request_stop();
    throw CallbackFailed(what_was_thrown());
  }
}

}  // namespace

extern "C" {

plimsoll_error* plimsoll_generation_options_init(plimsoll_generation_options* options, size_t size) {
  return call([&] { fill_defaults(options, size); });
}

plimsoll_error* plimsoll_model_generate(plimsoll_model* model, const char* prompt, int64_t length,
                                        const plimsoll_generation_options* options, plimsoll_generation** generation) {
  return emptying_call([&] {
    *place_of(generation, "generation") = nullptr;
    require_no_quiet_callback();
    const auto object = found(model);
    const std::string_view text = text_of(prompt, length, "prompt");
    *generation = begun(options, std::make_shared<InUse>(), [&](AskedGeneration& asked) {
      return object->model.generate(text, std::move(asked.options), std::move(asked.wait));
    });
  });
}

plimsoll_error* plimsoll_generation_close(plimsoll_generation* generation) {
  return closed(generation, [](plimsoll_generation& object) {
    object.closed = true;
    (void)object.run->request_stop();
  });
}

plimsoll_error* plimsoll_generation_stop(plimsoll_generation* generation) {
  return closing([&] { (void)found(generation)->run->request_stop(); });
}

plimsoll_error* plimsoll_generation_next(plimsoll_generation* generation, const char** piece, uint64_t* length) {
  return emptying_call([&] {
    *place_of(piece, "piece") = nullptr;
    if (length != nullptr) *length = 0;
    require_no_quiet_callback();
    Reading reading(generation);
    if (!reading.next()) return;
    *piece = reading->piece.c_str();
    if (length != nullptr) *length = reading->piece.size();
  });
}

plimsoll_error* plimsoll_generation_each(plimsoll_generation* generation, plimsoll_piece_function function,
                                         void* user_data) {
  return call([&] {
    if (function == nullptr) throw Error(ErrorCode::usage, "the function for the pieces is NULL");
    Reading reading(generation);
    while (reading.next()) {
      if (!wants_more(*reading, function, user_data)) (void)reading->run->request_stop();
    }
  });
}

plimsoll_error* plimsoll_generation_rest(plimsoll_generation* generation, char** text, uint64_t* length) {
  return emptying_call([&] {
    *place_of(text, "text") = nullptr;
    if (length != nullptr) *length = 0;
    require_no_quiet_callback();
    Reading reading(generation);
    std::string all;
    while (reading.next()) all += reading->piece;
    give_text(all, text, length);
  });
}

plimsoll_error* plimsoll_generation_info_get(plimsoll_generation* generation, plimsoll_generation_info* info) {
  return call([&] {
    const Use use(generation);
    const plimsoll::GenerationTiming timing = use->generation.timing();
    static_assert(static_cast<int>(plimsoll::FinishReason::cancelled) == PLIMSOLL_FINISH_CANCELLED);
    give_struct(plimsoll_generation_info{.size = 0,
                                         .finish_reason = static_cast<int32_t>(use->generation.finish_reason()),
                                         .prompt_ms = timing.prompt_ms,
                                         .generate_ms = timing.generate_ms,
                                         .prompt_tokens = timing.prompt_tokens,
                                         .generated_tokens = timing.generated_tokens,
                                         .draft_tokens = timing.draft_tokens,
                                         .accepted_tokens = timing.accepted_tokens},
                info, "plimsoll_generation_info");
  });
}

plimsoll_error* plimsoll_generation_tokens(plimsoll_generation* generation, int32_t** tokens, uint64_t* count) {
  return emptying_call([&] {
    *place_of(tokens, "tokens") = nullptr;
    *place_of(count, "count") = 0;
    require_no_quiet_callback();
    give_tokens(Use(generation)->generation.tokens(), tokens, count);
  });
}

plimsoll_error* plimsoll_generation_stop_string(plimsoll_generation* generation, char** text) {
  return emptying_call([&] {
    *place_of(text, "text") = nullptr;
    require_no_quiet_callback();
    give_text(Use(generation)->generation.stop_string(), text);
  });
}

}  // extern "C"
