#include "run/chat_media.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>

namespace plimsoll::run {

using engine::PromptChunk;
using engine::Token;

namespace {

std::size_t count_of(const std::string& marker, std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find(marker); at != std::string_view::npos; at = text.find(marker, at + marker.size()))
    ++count;
  return count;
}

// As many vectors as a medium has at most; of more no number would be its own.
constexpr std::size_t kMostVectors = 1U << 16U;

}  // namespace

std::string ChatMedia::with_markers(const std::string& text, std::size_t media) const {
  if (media == 0) return text;
  const std::string& marker = instance_.projector().facts().marker;
  const std::size_t count = count_of(marker, text);
  if (count == media) return text;
  if (count != 0)
    throw Error(ErrorCode::usage,
                fmt::format("this message has {} markers ({}) and {} pictures and sounds", count, marker, media));
  std::string out;
  for (std::size_t i = 0; i < media; ++i) out += marker;
  return out + text;
}

std::size_t ChatMedia::number_of(const engine::Media& medium) {
  const auto known = std::ranges::find_if(known_, [&](const auto& one) { return one.second.medium == medium; });
  if (known != known_.end()) return known->first;
  known_.emplace(next_, Known{.medium = medium});
  return next_++;
}

ChatHistory ChatMedia::marked(ChatHistory history) {
  std::erase_if(known_, [&](const auto& known) {
    return std::ranges::none_of(history, [&](const engine::ChatMessage& message) {
      return std::ranges::contains(message.media, known.second.medium);
    });
  });
  for (engine::ChatMessage& message : history) {
    if (message.media.empty()) continue;
    const std::string& marker = instance_.projector().facts().marker;
    std::size_t at = 0;
    for (const engine::Media& medium : message.media) {
      at = message.content.find(marker, at);
      if (at == std::string::npos)
        throw Error(ErrorCode::usage, "a message has fewer markers than pictures and sounds");
      const std::string mark = marks_.mark_of(number_of(medium));
      message.content.replace(at, marker.size(), mark);
      at += mark.size();
    }
  }
  return history;
}

ChatPrompt ChatMedia::pieces(const engine::PromptText& text, const ChatHistory& shown) {
  ChatPrompt prompt;
  std::size_t media = 0;
  for (const engine::MediaMarks::Part& part : marks_.parts_of(text)) {
    std::vector<Token> tokens = engine::prompt_tokens(*instance_.model(), part.text, prompt.tokens.empty());
    prompt.tokens.insert(prompt.tokens.end(), tokens.begin(), tokens.end());
    if (!tokens.empty()) prompt.chunks.push_back(PromptChunk::of_tokens(std::move(tokens)));
    if (part.medium) add_medium(prompt, *part.medium);
    if (part.medium) ++media;
  }
  std::size_t wanted = 0;
  for (const engine::ChatMessage& message : shown) wanted += message.media.size();
  if (media < wanted) throw Error(ErrorCode::usage, "the chat's form has no place for a picture or sound of a message");
  if (media == 0) prompt.chunks.clear();
  return prompt;
}

void ChatMedia::add_medium(ChatPrompt& prompt, std::size_t number) {
  Known& known = known_.at(number);
  if (known.chunks.empty()) {
    const engine::Projector& projector = instance_.projector();
    known.chunks = projector.tokenize(projector.facts().marker, std::span(&known.medium, 1), false);
  }
  std::size_t place = 0;
  for (const PromptChunk& chunk : known.chunks) {
    prompt.chunks.push_back(chunk);
    if (chunk.kind() == engine::ChunkKind::text) {
      prompt.tokens.insert(prompt.tokens.end(), chunk.tokens().begin(), chunk.tokens().end());
      continue;
    }
    for (std::size_t i = 0; i < chunk.n_tokens(); ++i, ++place)
      prompt.tokens.push_back(engine::kNoToken - 1 - static_cast<Token>(number * kMostVectors + place));
  }
}

// Where something was forgotten in between, no vector stands where the last one of `known` stood: none is named then,
// since a picture of the same size may stand in the place of another.
std::vector<Token> ChatMedia::named(std::vector<Token> held, std::span<const Token> known) {
  const auto is_named = [](Token token) { return token < engine::kNoToken; };
  for (std::size_t i = 0; i < known.size(); ++i) {
    const bool is_held = i < held.size() && held[i] == engine::kNoToken;
    if (is_held != is_named(known[i])) return held;
  }
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (is_named(known[i])) held[i] = known[i];
  }
  return held;
}

}  // namespace plimsoll::run
