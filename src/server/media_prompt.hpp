// MediaPrompt: a prompt with pictures and sounds, from its text with marks to what a model's projector makes of it.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/text_request.hpp"
#include "engine/projector.hpp"
#include "engine/vocab.hpp"
#include "host/host.hpp"

#include "request_memory.hpp"

namespace plimsoll::server {

// What a model takes beside text.
struct MediaSenses {
  bool sees = false;
  bool hears = false;
  std::string why_not{};  // where it has no projector that can be used: a sentence
};
// Looks into the projector's file, which takes a millisecond. Throws api::Problem 404.
[[nodiscard]] MediaSenses senses_of(const host::Host& host, const std::string& model);
[[nodiscard]] MediaSenses senses_of(const host::FleetModel& model, const plan::ModelPlan& plan);

// Of what the model does not take, words stand for what a tool gave, and are named as ignored. Throws api::Problem 400
// at the first other one.
void require_senses(api::TextRequest& request, const MediaSenses& senses, const std::string& model);
// For those that are left out, the words that stand for them, in the request's texts.
void write_stand_ins(api::TextRequest& request);
[[nodiscard]] bool has_media(const api::MediaList& media) noexcept;  // that are not left out

// Of a prompt: tokens of text, or a medium.
struct PromptPiece {
  std::vector<engine::Token> tokens{};
  std::optional<std::size_t> medium{};  // of the request's
};

struct MediaPrompt {
  std::vector<engine::PromptChunk> chunks{};
  // One for each cell of the cache. Where a vector stands, a number below -1 that follows from the medium's file and
  // from its place in it: prompts with the same pictures are the same, and others are not.
  std::vector<engine::Token> tokens{};
};

// Any thread. Media are decoded here, one by one, and that much of the host's memory is taken meanwhile. `files`: of
// the model, which the vectors are made with. Throws api::Problem: 400 at the place of one that cannot be decoded, 503
// where the host's budget has no room.
[[nodiscard]] MediaPrompt media_prompt(const engine::Projector& projector, std::span<const PromptPiece> pieces,
                                       const api::MediaList& media, const std::string& files, RequestMemory& memory);
// What it holds until its answers have ended.
[[nodiscard]] Bytes memory_of(const MediaPrompt& prompt, std::int32_t n_embd);

[[nodiscard]] constexpr bool is_vector(engine::Token token) noexcept { return token < 0; }
// What a conversation holds, with the numbers of its vectors as far as it begins like `known`.
[[nodiscard]] std::vector<engine::Token> with_vectors_named(std::vector<engine::Token> held,
                                                            std::span<const engine::Token> known);
// It holds this prompt; what its vectors are of nobody looks at.
[[nodiscard]] bool holds(std::span<const engine::Token> held, std::span<const engine::Token> prompt) noexcept;
[[nodiscard]] std::vector<engine::Token> without_vectors(std::span<const engine::Token> prompt);
// With llama-server's marker where vectors stand.
[[nodiscard]] std::string text_of_prompt(const engine::Vocab& vocab, std::span<const engine::Token> prompt);

}  // namespace plimsoll::server
