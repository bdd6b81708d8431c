// Chat: a history that can be edited, and a memory of the model that follows it.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/conversation.hpp>
#include <plimsoll/generation.hpp>
#include <plimsoll/model.hpp>

namespace plimsoll {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  std::vector<Media> media{};  // each stands where the content has Model::media_marker()
  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

// How a chat is written down for the model.
struct ChatForm {
  std::function<std::string(const std::vector<ChatMessage>&)> to_prompt{};  // ends with what makes the model answer
  std::vector<std::string> stop_strings{};  // what shows that the model has begun to speak for somebody else
};
// "### Instruction:" and "### Response:", as Alpaca's models were trained on; a system message goes in front as it is.
[[nodiscard]] ChatForm instruct_form(const std::string& prefix = "\n\n### Instruction:\n\n",
                                     const std::string& suffix = "\n\n### Response:\n\n");
// "User: ...\nAssistant: ...\n", for models that know no template.
[[nodiscard]] ChatForm role_name_form();

struct ChatOptions {
  std::string system{};  // the system message; empty: none
  ChatForm form{};       // empty: the model's own template
  // Applied to what the user says, in this order, before it becomes part of the history.
  std::vector<std::function<std::string(std::string)>> input_transforms{};
  // Applied to the answer on its way out; the history keeps what came out of it. `last`: what it held back must come
  // now.
  std::function<std::string(std::string_view piece, bool last)> output_filter{};
  // One sampler over all turns, saved with the chat; a turn's own sampling is not looked at then. With a grammar each
  // turn has a sampler of its own, since a grammar speaks of one answer.
  std::optional<SamplingParams> sampling{};
  // Where the chat no longer fits: leave its oldest exchanges out of the prompt. false: throw Error{context_overflow}.
  bool forget_oldest = false;
};
// An output filter that takes these words out of the answer, also where they come in several pieces.
[[nodiscard]] std::function<std::string(std::string_view piece, bool last)> without_keywords(
    std::vector<std::string> words);

struct ChatStats {
  std::size_t prompt_tokens = 0;  // of the last turn's whole prompt
  std::size_t reused_tokens = 0;  // of those, in memory already
  std::size_t forgotten = 0;      // messages left out of it
  GenerationTiming last{};
};

// Keeps one sequence of the model. Move-only; one thread; one turn at a time: while one is under way, what would change
// or save the chat throws Error{usage}. Moved from, it throws Error{usage}.
class Chat {
 public:
  explicit Chat(const Model& model, ChatOptions options = {}, WaitOptions wait = {});
  Chat(Chat&&) noexcept;
  Chat& operator=(Chat&&) noexcept;
  ~Chat();

  // Says `text` as the user, and answers. The user's message joins the history at once, the answer when the turn ends;
  // a turn that fails or is left before its first piece takes the user's message back.
  [[nodiscard]] Generation say(std::string text, GenerationOptions options = {});
  // With pictures and sounds: each stands where the text has Model::media_marker(), or all in front of a text without
  // one. Nothing speculates then. Throws Error also: usage (another number of markers, no projector), sealed (larger
  // than planned).
  [[nodiscard]] Generation say(std::string text, std::span<const Media> media, GenerationOptions options = {});
  // The last answer again; the old one stays where nothing comes.
  [[nodiscard]] Generation regenerate(GenerationOptions options = {});
  [[nodiscard]] Generation answer(GenerationOptions options = {});  // the history as it is

  [[nodiscard]] std::vector<ChatMessage> history() const;
  // The history alone; memory follows with the next turn. Throw Error{usage}: a system message that is not the first,
  // an index beyond the last message, another number of markers than the message has media.
  void add(ChatMessage message);
  void replace(std::size_t index, std::string content);
  void remove_from(std::size_t index);
  bool undo();  // takes the last answer and what it answered back; false: there is none
  void set_system(const std::string& text);
  void clear();  // all but the system message

  [[nodiscard]] ChatStats stats() const;
  [[nodiscard]] std::string text() const;  // what the model has in memory, control tokens as text

  // History, tokens and memory, and the sampler where it lasts: whole or not at all. On the same model it always loads:
  // where its memory does not fit (another kind of cache), it is decoded again from its history, and so it is where
  // media are in it, which are saved in the place of memory.
  void save(const std::filesystem::path& path) const;
  void load(const std::filesystem::path& path);

  struct State;  // src/library/chat.cpp

 private:
  [[nodiscard]] State& state() const;
  std::shared_ptr<State> state_;
};

}  // namespace plimsoll
