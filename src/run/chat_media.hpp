// ChatMedia: the pictures and sounds of a chat, from the messages that they stand in to the pieces of a prompt.
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/media_marks.hpp"
#include "run/history_transform.hpp"
#include "run/instance.hpp"

namespace plimsoll::run {

struct ChatPrompt {
  // One for each cell of the cache. Where a vector stands, a number below kNoToken that is its medium's and its
  // place's alone.
  std::vector<engine::Token> tokens{};
  std::vector<engine::PromptChunk> chunks{};  // empty: no media are in it, and the tokens are all
};

// One thread. The instance outlives it.
class ChatMedia {
 public:
  explicit ChatMedia(Instance& instance) : instance_(instance) {}

  // A text with a marker for each of so many media: where it has none, they come in front of it. Throws Error{usage}:
  // another number of markers, no projector.
  [[nodiscard]] std::string with_markers(const std::string& text, std::size_t media) const;
  // The messages, with a mark where a medium stands. Media that are in none of them are forgotten.
  [[nodiscard]] ChatHistory marked(ChatHistory history);
  // What the transform made of those messages. Throws Error{usage}: a medium that the projector cannot take, or that
  // the text has no place for.
  [[nodiscard]] ChatPrompt pieces(const engine::PromptText& text, const ChatHistory& shown);

  // A conversation's tokens, with the numbers of its vectors where it still begins with all that `known` has.
  [[nodiscard]] static std::vector<engine::Token> named(std::vector<engine::Token> held,
                                                        std::span<const engine::Token> known);

 private:
  struct Known {
    engine::Media medium;
    std::vector<engine::PromptChunk> chunks{};  // once it was in a prompt
  };
  [[nodiscard]] std::size_t number_of(const engine::Media& medium);
  void add_medium(ChatPrompt& prompt, std::size_t number);

  Instance& instance_;
  engine::MediaMarks marks_;
  std::map<std::size_t, Known> known_;  // by number
  std::size_t next_ = 0;
};

}  // namespace plimsoll::run
