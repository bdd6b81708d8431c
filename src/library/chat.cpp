#include <plimsoll/chat.hpp>

#include <algorithm>
#include <utility>

#include "run/chat_session.hpp"
#include "run/history_transform.hpp"
#include "run/interactive_executor.hpp"
#include "run/keyword_filter.hpp"

#include "generation_impl.hpp"
#include "media_impl.hpp"
#include "model_state.hpp"
#include "own_process.hpp"

namespace plimsoll {
namespace {

ChatMessage shown(const engine::ChatMessage& message) {
  ChatMessage out{.role = message.role, .content = message.content};
  for (const engine::Media& medium : message.media) out.media.push_back(library::media(medium));
  return out;
}

std::vector<engine::Media> media_of(std::span<const Media> media) {
  std::vector<engine::Media> out;
  for (const Media& medium : media) out.push_back(medium.impl().media);
  return out;
}

std::vector<ChatMessage> shown(const run::ChatHistory& history) {
  std::vector<ChatMessage> out;
  for (const engine::ChatMessage& message : history) out.push_back(shown(message));
  return out;
}

class FormTransform final : public run::HistoryTransform {
 public:
  explicit FormTransform(ChatForm form) : form_(std::move(form)) {}
  engine::PromptText to_prompt(const run::ChatHistory& history) const override {
    return run::with_messages_marked(
        [this](const run::ChatHistory& messages) { return form_.to_prompt(shown(messages)); }, history);
  }
  std::vector<std::string> stop_strings() const override { return form_.stop_strings; }

 private:
  ChatForm form_;
};

class FunctionFilter final : public run::TextFilter {
 public:
  explicit FunctionFilter(std::function<std::string(std::string_view, bool)> filter) : filter_(std::move(filter)) {}
  std::string push(std::string_view text) override { return filter_(text, false); }
  std::string finish() override { return filter_({}, true); }

 private:
  std::function<std::string(std::string_view, bool)> filter_;
};

// A transform of the library's own as a form.
ChatForm form_of(std::shared_ptr<const run::HistoryTransform> transform) {
  ChatForm form{.stop_strings = transform->stop_strings()};
  form.to_prompt = [transform = std::move(transform)](const std::vector<ChatMessage>& history) {
    run::ChatHistory written;
    for (const ChatMessage& message : history)
      written.push_back({.role = message.role, .content = message.content, .extra = {}});
    return transform->to_prompt(written).text;
  };
  return form;
}

run::ChatOptions session_options(ChatOptions options) {
  if (std::ranges::any_of(options.input_transforms, [](const auto& transform) { return !transform; }))
    throw Error(ErrorCode::usage, "a transform of what the user says is an empty function");
  run::ChatOptions out;
  out.system = std::move(options.system);
  if (options.form.to_prompt) out.history_transform = std::make_unique<FormTransform>(std::move(options.form));
  out.input_transforms = std::move(options.input_transforms);
  if (options.output_filter) out.output_filter = std::make_unique<FunctionFilter>(std::move(options.output_filter));
  out.sampling = std::move(options.sampling);
  out.forget_oldest = options.forget_oldest;
  return out;
}

}  // namespace

ChatForm instruct_form(const std::string& prefix, const std::string& suffix) {
  return form_of(std::make_shared<run::InstructTransform>(run::InstructFormat{.prefix = prefix, .suffix = suffix}));
}

ChatForm role_name_form() { return form_of(std::make_shared<run::RoleNameTransform>()); }

std::function<std::string(std::string_view, bool)> without_keywords(std::vector<std::string> words) {
  return [filter = std::make_shared<run::KeywordFilter>(std::move(words))](std::string_view piece, bool last) {
    return last ? filter->finish() : filter->push(piece);
  };
}

struct Chat::State {
  State(std::shared_ptr<Model::State> of, ChatOptions options, const WaitOptions& wait) : model(std::move(of)) {
    try {
      model->wait_for_sequence(wait, [this] {
        executor.emplace(*model->executor);
        if (model->draft_executor) proposes.emplace(model->draft_executor->create());
      });
      session.emplace(*executor, session_options(std::move(options)));
    } catch (...) {
      give_back();
      throw;
    }
  }
  ~State() { give_back(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void give_back() {
    session.reset();
    proposes.reset();
    executor.reset();
    model->sequence_is_free();
  }

  // What a turn is generated with.
  [[nodiscard]] run::GenerationParams params_of(const GenerationOptions& options) {
    run::GenerationParams params = library::params_of(options, *executor->conversation());
    if (proposes)
      params.draft = {.conversation = &*proposes, .speculation = library::speculation_of(*model->options.draft)};
    return params;
  }

  std::shared_ptr<Model::State> model;  // destroyed last
  std::optional<run::InteractiveExecutor> executor;
  std::optional<run::Conversation> proposes;  // where the model has a draft
  std::optional<run::ChatSession> session;
};

namespace {

// A turn, with the chat that it belongs to.
class Turn final : public Generation::Impl {
 public:
  Turn(std::shared_ptr<Chat::State> chat, std::unique_ptr<run::ChatTurn> turn)
      : chat_(std::move(chat)), turn_(std::move(turn)) {}

  std::optional<std::string> next() override { return turn_->next(); }
  run::FinishReason finish_reason() const override { return turn_->finish_reason(); }
  run::GenerationTiming timing() const override { return turn_->timing(); }
  const std::vector<Token>& tokens() const override { return turn_->generation().tokens(); }
  const std::string& stop_string() const override { return turn_->generation().stop_string(); }

 private:
  std::shared_ptr<Chat::State> chat_;  // destroyed last
  std::unique_ptr<run::ChatTurn> turn_;
};

// `begin` makes the turn in place: it cannot be moved.
template <class Begin>
Generation turn_of(std::shared_ptr<Chat::State> chat, Begin&& begin) {
  struct InPlace {
    Begin& begin;
    operator run::ChatTurn() const { return begin(); }
  };
  auto turn = std::make_unique<run::ChatTurn>(InPlace{begin});
  return Generation(std::make_unique<Turn>(std::move(chat), std::move(turn)));
}

}  // namespace

Chat::Chat(const Model& model, ChatOptions options, WaitOptions wait)
    : state_(std::make_shared<State>(model.state(), std::move(options), wait)) {}
Chat::Chat(Chat&&) noexcept = default;
Chat& Chat::operator=(Chat&&) noexcept = default;
Chat::~Chat() = default;

Chat::State& Chat::state() const { return *library::held_here(state_, "chat"); }

Generation Chat::say(std::string text, GenerationOptions options) {
  run::ChatSession& session = *state().session;
  return turn_of(state_, [&] { return session.say(std::move(text), state().params_of(options)); });
}

Generation Chat::say(std::string text, std::span<const Media> media, GenerationOptions options) {
  run::ChatSession& session = *state().session;
  return turn_of(state_, [&] { return session.say(std::move(text), media_of(media), state().params_of(options)); });
}

Generation Chat::regenerate(GenerationOptions options) {
  run::ChatSession& session = *state().session;
  return turn_of(state_, [&] { return session.regenerate(state().params_of(options)); });
}

Generation Chat::answer(GenerationOptions options) {
  run::ChatSession& session = *state().session;
  return turn_of(state_, [&] { return session.answer(state().params_of(options)); });
}

std::vector<ChatMessage> Chat::history() const { return shown(state().session->history()); }

void Chat::add(ChatMessage message) {
  state().session->add({.role = std::move(message.role),
                        .content = std::move(message.content),
                        .extra = {},
                        .media = media_of(message.media)});
}

void Chat::replace(std::size_t index, std::string content) { state().session->replace(index, std::move(content)); }

void Chat::remove_from(std::size_t index) { state().session->remove_from(index); }

bool Chat::undo() { return state().session->undo(); }

void Chat::set_system(const std::string& text) { state().session->set_system(text); }

void Chat::clear() { state().session->clear(); }

ChatStats Chat::stats() const {
  const run::ChatStats& stats = state().session->stats();
  return {.prompt_tokens = stats.prompt_tokens,
          .reused_tokens = stats.reused_tokens,
          .forgotten = stats.forgotten,
          .last = library::timing_of(stats.last)};
}

std::string Chat::text() const {
  State& state = this->state();
  return state.model->instance->model()->vocab().detokenize(state.executor->conversation()->tokens(), true);
}

void Chat::save(const std::filesystem::path& path) const { state().session->save(path); }

void Chat::load(const std::filesystem::path& path) { state().session->load(path); }

}  // namespace plimsoll
