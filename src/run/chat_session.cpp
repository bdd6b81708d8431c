#include "run/chat_session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "run/state_archive.hpp"

namespace plimsoll::run {
namespace {

bool is_system(const engine::ChatMessage& message) { return message.role == "system"; }

bool has_system(const ChatHistory& history) { return !history.empty() && is_system(history.front()); }

// Without the oldest exchange: from after the system message to the user's next message. False: only one is left.
bool forget_oldest(ChatHistory& history) {
  const auto first = history.begin() + (has_system(history) ? 1 : 0);
  if (first == history.end()) return false;
  const auto next = std::find_if(first + 1, history.end(), [](const auto& message) { return message.role == "user"; });
  if (next == history.end()) return false;
  history.erase(first, next);
  return true;
}

}  // namespace

ChatSession::ChatSession(Executor& executor, ChatOptions options)
    : executor_(executor),
      options_(std::move(options)),
      transform_(options_.history_transform ? std::move(options_.history_transform) : executor.history_transform()),
      media_(executor.instance()) {
  if (!executor.instance().model()->vocab().present())
    throw Error(ErrorCode::unsupported, "this model carries no vocabulary, so one cannot talk to it");
  const std::shared_ptr<engine::Model>& model = executor.instance().model();
  // A grammar speaks of one answer: each turn has it from its beginning.
  if (options_.sampling && options_.sampling->grammar.empty())
    sampler_ = std::make_shared<engine::Sampler>(*model, *options_.sampling);
  set_system(options_.system);
}

ChatSession::~ChatSession() = default;

void ChatSession::require_idle() const {
  if (turn_under_way_) throw Error(ErrorCode::usage, "the answer before is still on its way");
}

ChatTurn ChatSession::say(std::string text, GenerationParams params) {
  return say(std::move(text), {}, std::move(params));
}

ChatTurn ChatSession::say(std::string text, std::vector<engine::Media> media, GenerationParams params) {
  require_idle();
  for (const auto& transform : options_.input_transforms) text = transform(std::move(text));
  add({.role = "user", .content = std::move(text), .extra = {}, .media = std::move(media)});
  return begin(std::move(params), true);
}

ChatTurn ChatSession::regenerate(GenerationParams params) {
  require_idle();
  const auto asked = std::ranges::find_last(history_, std::string("user"), &engine::ChatMessage::role);
  if (asked.empty()) throw Error(ErrorCode::usage, "nothing was asked yet, so nothing can be answered again");
  const auto first = static_cast<std::size_t>(asked.begin() - history_.begin()) + 1;
  ChatHistory replaced(history_.begin() + static_cast<std::ptrdiff_t>(first), history_.end());
  remove_from(first);
  return begin(std::move(params), false, std::move(replaced));
}

ChatTurn ChatSession::answer(GenerationParams params) {
  require_idle();
  if (history_.empty() || history_.back().role == "assistant" || is_system(history_.back()))
    throw Error(ErrorCode::usage, "there is nothing to answer: the last message is not a user's");
  return begin(std::move(params), false);
}

// The rendered history, shortened where that is allowed until it leaves room to answer.
ChatPrompt ChatSession::prompt(const GenerationParams& params) {
  const std::size_t capacity = executor_.instance().context().facts().n_ctx_seq;
  const std::size_t wanted = params.predict < 0 ? 1 : static_cast<std::size_t>(params.predict);
  // An answer may use up to a quarter of the context without making the chat forget; a longer one takes what is left.
  const std::size_t room = std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, capacity / 4));
  ChatHistory shown = media_.marked(history_);
  for (;;) {
    ChatPrompt prompt = media_.pieces(transform_->to_prompt(shown), shown);
    const std::size_t needed = prompt.tokens.size() + (options_.forget_oldest ? room : 1);
    stats_.forgotten = history_.size() - shown.size();
    if (needed <= capacity || !options_.forget_oldest || !forget_oldest(shown)) return prompt;
  }
}

// What its vectors are of is known again once all has gone well.
std::unique_ptr<Generation> ChatSession::answer_to(const ChatPrompt& prompt, GenerationParams params) {
  const std::vector<engine::Token> known = std::exchange(known_, {});
  std::unique_ptr<Generation> generation;
  if (prompt.chunks.empty()) {
    generation = executor_.answer(prompt.tokens, std::move(params));
  } else {
    std::vector<engine::Token> held;
    if (Conversation* conversation = executor_.conversation()) held = ChatMedia::named(conversation->tokens(), known);
    const auto same = static_cast<std::size_t>(std::ranges::mismatch(held, prompt.tokens).in1 - held.begin());
    params.draft.reset();  // it has not seen what its target has
    generation = executor_.answer(prompt.chunks, same, std::move(params));
  }
  known_ = prompt.tokens;
  return generation;
}

ChatTurn ChatSession::begin(GenerationParams params, bool user_is_new, ChatHistory replaced) {
  try {
    const ChatPrompt prompt = this->prompt(params);
    for (std::string& stop : transform_->stop_strings()) params.stop_strings.push_back(std::move(stop));
    if (sampler_ && !params.sampler) params.sampler = sampler_;
    if (!sampler_ && options_.sampling) params.sampling = *options_.sampling;
    auto generation = answer_to(prompt, std::move(params));
    const std::size_t tokens = prompt.tokens.size();
    stats_.prompt_tokens = tokens;
    stats_.reused_tokens = tokens - std::min(tokens, generation->conversation().waiting());
    turn_under_way_ = true;
    return {*this, std::move(generation), user_is_new, std::move(replaced)};
  } catch (...) {
    if (user_is_new) history_.pop_back();
    history_.append_range(replaced);
    throw;
  }
}

void ChatSession::end_turn(std::string said, const Generation& generation) {
  history_.push_back({.role = "assistant", .content = std::move(said), .extra = {}});
  stats_.last = generation.timing();
  stats_.messages = history_.size();
}

void ChatSession::add(engine::ChatMessage message) {
  require_idle();
  if (is_system(message) && !history_.empty())
    throw Error(ErrorCode::usage, "a system message stands in front of all others; use set_system()");
  message.content = media_.with_markers(message.content, message.media.size());
  history_.push_back(std::move(message));
  stats_.messages = history_.size();
}

void ChatSession::replace(std::size_t index, std::string content) {
  require_idle();
  if (index >= history_.size())
    throw Error(ErrorCode::usage, fmt::format("there is no message {} of {}", index, history_.size()));
  history_[index].content = media_.with_markers(content, history_[index].media.size());
}

void ChatSession::remove_from(std::size_t index) {
  require_idle();
  if (index > history_.size())
    throw Error(ErrorCode::usage, fmt::format("there is no message {} of {}", index, history_.size()));
  history_.resize(index);
  stats_.messages = history_.size();
}

bool ChatSession::undo() {
  require_idle();
  const auto asked = std::ranges::find_last(history_, std::string("user"), &engine::ChatMessage::role);
  if (asked.empty()) return false;
  remove_from(static_cast<std::size_t>(asked.begin() - history_.begin()));
  return true;
}

void ChatSession::set_system(const std::string& text) {
  require_idle();
  if (has_system(history_)) history_.erase(history_.begin());
  if (!text.empty()) history_.insert(history_.begin(), {.role = "system", .content = text, .extra = {}});
  stats_.messages = history_.size();
}

void ChatSession::clear() { remove_from(has_system(history_) ? 1 : 0); }

void ChatSession::save(const std::filesystem::path& path) const {
  require_idle();
  SessionArchive archive{.history = history_, .fingerprint = fingerprint_of(executor_.instance().context())};
  if (sampler_) archive.sampler = sampler_->snapshot();
  const bool has_media =
      !std::ranges::all_of(history_, &std::vector<engine::Media>::empty, &engine::ChatMessage::media);
  Conversation* const conversation = executor_.conversation();
  // Vectors may be there of a message that has gone: nobody would know what of.
  if (!has_media && conversation != nullptr && !std::ranges::contains(conversation->tokens(), engine::kNoToken))
    archive.sequence = conversation->save();
  write_archive(path, archive);
}

void ChatSession::load(const std::filesystem::path& path) {
  require_idle();
  SessionArchive archive = read_session_archive(path);
  const std::string fingerprint = fingerprint_of(executor_.instance().context());
  if (model_of(archive.fingerprint) != model_of(fingerprint)) {
    throw Error(ErrorCode::usage, fmt::format("'{}' was saved with another model ({}, not {})", path.string(),
                                              archive.fingerprint, fingerprint));
  }
  known_.clear();
  std::shared_ptr<engine::Sampler> sampler = sampler_;
  if (sampler_ && archive.sampler) {
    const engine::Model& model = *executor_.instance().model();
    sampler = std::make_shared<engine::Sampler>(engine::Sampler::resume(model, *archive.sampler));
  }
  if (Conversation* conversation = executor_.conversation(); conversation != nullptr && archive.sequence) {
    if (archive.fingerprint != fingerprint || !restore(*archive.sequence)) executor_.conversation()->clear();
  }
  sampler_ = std::move(sampler);
  history_ = std::move(archive.history);
  stats_ = {.messages = history_.size()};
}

// False: its memory is of another shape (as many sequences as this context has do not share it), and nothing has
// changed.
bool ChatSession::restore(const SequenceSnapshot& snapshot) {
  try {
    executor_.restore(snapshot);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage && error.code() != ErrorCode::engine_failed) throw;
    log::info("run", "a saved chat is decoded again: {}", error.what());
    return false;
  }
}

ChatTurn::~ChatTurn() {
  try {
    finish();
  } catch (const std::exception& error) {
    log::warn("run", "an answer did not join its history: {}", error.what());
  } catch (...) {  // a caller's own, of no kind that is known: a destructor lets nothing out
  }
}

std::optional<std::string> ChatTurn::next() {
  TextFilter* const filter = session_.options_.output_filter.get();
  while (!finished_) {
    bool over = false;
    std::string shown;
    try {
      const std::optional<std::string> piece = generation_->next();
      over = !piece.has_value();
      shown = filter == nullptr ? piece.value_or("") : over ? filter->finish() : filter->push(*piece);
    } catch (...) {
      finish();
      throw;
    }
    said_ += shown;
    over_ = over;
    if (over) finish();
    if (!shown.empty()) return shown;
  }
  return std::nullopt;
}

std::string ChatTurn::read_all() {
  while (next()) {
  }
  return said_;
}

void ChatTurn::finish() {
  if (finished_) return;
  finished_ = true;
  session_.turn_under_way_ = false;
  if (over_ || !said_.empty()) return session_.end_turn(said_, *generation_);
  if (user_is_new_) session_.history_.pop_back();
  session_.history_.append_range(replaced_);
}

std::generator<std::string> pieces(ChatTurn& turn) {
  while (auto piece = turn.next()) co_yield std::move(*piece);
}

}  // namespace plimsoll::run
