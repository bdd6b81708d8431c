// ChatSession: a chat over any executor: a history that can be edited, and a memory that follows it.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/chat_media.hpp"
#include "run/executor.hpp"
#include "run/history_transform.hpp"
#include "run/text_filter.hpp"

namespace plimsoll::run {

class ChatTurn;

struct ChatOptions {
  std::string system{};                                   // the system message; empty: none
  std::unique_ptr<HistoryTransform> history_transform{};  // empty: the executor's own
  // Applied to what the user says, in this order, before it becomes part of the history.
  std::vector<std::function<std::string(std::string)>> input_transforms{};
  // Applied to the answer on its way out; the history keeps what came out of it.
  std::unique_ptr<TextFilter> output_filter{};
  // One sampler over all turns, which goes on where it stood and is saved with the chat; params.sampling of a turn is
  // not looked at then. Empty: each turn has its own.
  std::optional<engine::SamplingParams> sampling{};
  // Where the chat no longer fits the context: forget its oldest exchanges in the prompt (the history keeps them; the
  // system message stays). false: throw Error{context_overflow}.
  bool forget_oldest = false;
};

struct ChatStats {
  std::size_t messages = 0;
  std::size_t prompt_tokens = 0;  // of the last turn's whole prompt
  std::size_t reused_tokens = 0;  // of those, in memory already
  std::size_t forgotten = 0;      // messages left out of it, see ChatOptions::forget_oldest
  GenerationTiming last{};
};

// Every turn renders the whole history; of its tokens only those behind the longest common beginning with what is in
// memory are decoded. So after any change of the history the next answer is what a new chat with that history would
// give. One thread at a time; one turn at a time. The executor outlives it.
class ChatSession {
 public:
  explicit ChatSession(Executor& executor, ChatOptions options = {});
  ~ChatSession();
  ChatSession(const ChatSession&) = delete;
  ChatSession& operator=(const ChatSession&) = delete;

  [[nodiscard]] const ChatHistory& history() const noexcept { return history_; }

  // Says `text` as the user and answers. The user's message joins the history at once, the answer when the turn ends,
  // also a partial one; a turn that fails or is left before its first piece takes the user's message back.
  // params.prompt is replaced, the transform's stop strings are added. Throws Error: context_overflow, usage (a turn is
  // under way), busy and whatever Generation's constructor throws.
  [[nodiscard]] ChatTurn say(std::string text, GenerationParams params = {});
  // With pictures and sounds: each stands where the text has the projector's marker, or all in front of a text without
  // one. Nothing speculates then. Throws Error also: usage (another number of markers, no projector, a medium that it
  // cannot take), sealed (larger than planned).
  [[nodiscard]] ChatTurn say(std::string text, std::vector<engine::Media> media, GenerationParams params = {});
  // The last answer again; what followed the last user's message is forgotten, unless nothing comes. Throws
  // Error{usage} where nobody asked.
  [[nodiscard]] ChatTurn regenerate(GenerationParams params = {});
  // Answers the history as it is. Its last message must be a user's or a tool's.
  [[nodiscard]] ChatTurn answer(GenerationParams params = {});

  // The history alone; memory follows with the next turn. Throw Error{usage}: a system message that is not the first,
  // an index beyond the last message, another number of markers than the message has media.
  void add(engine::ChatMessage message);
  void replace(std::size_t index, std::string content);
  void remove_from(std::size_t index);
  // Takes the last answer and what it answered back. False: there is none.
  bool undo();
  void set_system(const std::string& text);  // empty: none
  void clear();                              // all but the system message

  [[nodiscard]] const ChatStats& stats() const noexcept { return stats_; }

  // One file: history, tokens and memory, and the sampler where it lasts; of a chat with media the media in the place
  // of tokens and memory: it is decoded again. Replaces `path` only once the new one is whole. Throws Error: io; usage
  // while a turn is under way; unsupported for a sampler that cannot be saved (Sampler::snapshot).
  void save(const std::filesystem::path& path) const;
  // Where its memory does not fit (another kind of cache, another version of the engine), it is decoded again with the
  // next turn. Throws Error: io; usage (no such file, of another model; damaged); context_overflow; busy. Nothing has
  // changed then.
  void load(const std::filesystem::path& path);

 private:
  friend class ChatTurn;
  // `replaced`: messages that the answer takes the place of; they come back where it says nothing.
  [[nodiscard]] ChatTurn begin(GenerationParams params, bool user_is_new, ChatHistory replaced = {});
  [[nodiscard]] ChatPrompt prompt(const GenerationParams& params);
  [[nodiscard]] std::unique_ptr<Generation> answer_to(const ChatPrompt& prompt, GenerationParams params);
  void require_idle() const;
  [[nodiscard]] bool restore(const SequenceSnapshot& snapshot);
  void end_turn(std::string said, const Generation& generation);

  Executor& executor_;
  ChatOptions options_;
  std::unique_ptr<HistoryTransform> transform_;
  std::shared_ptr<engine::Sampler> sampler_;  // where it lasts
  ChatHistory history_;
  ChatMedia media_;
  std::vector<engine::Token> known_;  // the last prompt's: what the vectors in memory are of
  ChatStats stats_;
  bool turn_under_way_ = false;
};

// One answer on its way. Ends, and joins the history, when it is read to its end, left or destroyed.
class ChatTurn {
 public:
  ~ChatTurn();
  ChatTurn(const ChatTurn&) = delete;
  ChatTurn& operator=(const ChatTurn&) = delete;

  [[nodiscard]] std::optional<std::string> next();  // as Generation::next()
  [[nodiscard]] std::string read_all();
  [[nodiscard]] FinishReason finish_reason() const noexcept { return generation_->finish_reason(); }
  [[nodiscard]] const GenerationTiming& timing() const noexcept { return generation_->timing(); }
  [[nodiscard]] const Generation& generation() const noexcept { return *generation_; }

 private:
  friend class ChatSession;
  ChatTurn(ChatSession& session, std::unique_ptr<Generation> generation, bool user_is_new, ChatHistory replaced)
      : session_(session),
        generation_(std::move(generation)),
        user_is_new_(user_is_new),
        replaced_(std::move(replaced)) {}
  void finish();

  ChatSession& session_;
  std::unique_ptr<Generation> generation_;
  bool user_is_new_;
  ChatHistory replaced_;
  bool over_ = false;  // it was read to its end
  bool finished_ = false;
  std::string said_;
};

[[nodiscard]] std::generator<std::string> pieces(ChatTurn& turn);

}  // namespace plimsoll::run
