#include "run/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "engine/prompt_tokens.hpp"
#include "local_sequence.hpp"
#include "run/held_sequence.hpp"

namespace plimsoll::run {

using engine::Position;
using engine::Token;

Conversation::Conversation(std::unique_ptr<HeldSequence> sequence) : sequence_(std::move(sequence)) {}
Conversation::~Conversation() = default;
Conversation::Conversation(Conversation&&) noexcept = default;
Conversation& Conversation::operator=(Conversation&&) noexcept = default;

LocalSequence& Conversation::local() const {
  if (LocalSequence* const local = sequence_->local()) return *local;
  throw Error(ErrorCode::unsupported,
              fmt::format("'{}' computes in a process of its own, and this needs the context here", model_name()));
}

Instance& Conversation::instance() const { return local().instance(); }
const std::string& Conversation::model_name() const { return sequence_->model_name(); }
const engine::ModelFacts& Conversation::model_facts() const { return sequence_->model_facts(); }
const engine::Model& Conversation::vocabulary() const { return sequence_->vocabulary(); }
std::string Conversation::fingerprint() const { return sequence_->fingerprint(); }

void Conversation::prompt(std::span<const Token> tokens) { sequence_->append(tokens); }

void Conversation::prompt(std::string_view text) { prompt(engine::prompt_tokens(vocabulary(), text, size() == 0)); }

void Conversation::prompt(std::string_view text, std::span<const engine::Media> media) { local().prompt(text, media); }
void Conversation::prompt_embeddings(std::span<const float> vectors) { local().prompt_embeddings(vectors); }
void Conversation::prompt_all_logits(std::span<const Token> tokens) { local().prompt_all_logits(tokens); }
std::size_t Conversation::replace(std::span<const Token> tokens) { return sequence_->replace(tokens); }
std::size_t Conversation::replace(std::span<const engine::PromptChunk> chunks, std::size_t same) {
  return local().replace(chunks, same);
}

engine::DecodeStatus Conversation::infer(std::stop_token stop, const std::function<void(std::size_t)>& progress) {
  return local().infer(std::move(stop), progress);
}

bool Conversation::requires_inference() const { return waiting() > 0; }
std::size_t Conversation::waiting() const { return sequence_->waiting(); }
bool Conversation::has_logits() const { return sequence_->has_logits(); }
std::span<const float> Conversation::logits(std::size_t back) { return local().logits(back); }
Token Conversation::sample(engine::Sampler& sampler, std::size_t back) { return local().sample(sampler, back); }

std::vector<Token> Conversation::tokens() const { return sequence_->tokens(); }
std::size_t Conversation::size() const { return sequence_->size(); }
std::size_t Conversation::capacity() const { return sequence_->context_facts().n_ctx_seq; }

std::size_t Conversation::room() const {
  const std::size_t used = std::max(size(), static_cast<std::size_t>(next_position()));
  return capacity() > used ? capacity() - used : 0;
}

Position Conversation::next_position() const { return sequence_->next_position(); }
engine::SequenceId Conversation::id() const { return local().id(); }

Conversation Conversation::fork() const { return Conversation(local().fork()); }
void Conversation::copy_from(const Conversation& other, std::size_t most) {
  sequence_->copy_from(*other.sequence_, most);
}
void Conversation::rewind(std::size_t n) { sequence_->rewind(n); }
void Conversation::refresh() { sequence_->refresh(); }
bool Conversation::shift_left(std::size_t count, std::size_t keep) { return local().shift_left(count, keep); }
void Conversation::reprefill_without(std::size_t count, std::size_t keep) { local().reprefill_without(count, keep); }
void Conversation::modify(const std::function<void(MemoryEdit&)>& edit) { local().modify(edit); }
void Conversation::clear() { sequence_->clear(); }

void Conversation::set_adapter_scales(std::span<const float> scales) { sequence_->set_adapter_scales(scales); }
engine::AdapterScales Conversation::adapter_scales() const { return sequence_->adapter_scales(); }
void Conversation::set_weight(double weight) { sequence_->set_weight(weight); }

SequenceSnapshot Conversation::save() const { return sequence_->save(); }
Bytes Conversation::size_when_saved() const { return sequence_->size_when_saved(); }

Position Conversation::MemoryEdit::end() const { return sequence_.next_position(); }

namespace {

bool inside(Position position, Position from, Position to) {
  return position >= std::max(0, from) && (to < 0 || position < to);
}

}  // namespace

bool Conversation::MemoryEdit::remove(Position from, Position to) {
  if (to < 0 || to >= end()) {  // the tail: can always be had, if need be by decoding again
    const auto first = std::ranges::lower_bound(sequence_.positions, std::max(0, from));
    schedule_.truncate(sequence_, static_cast<std::size_t>(first - sequence_.positions.begin()));
    return true;
  }
  if (!can_forget_a_part(schedule_.instance()) || !sequence_.spans.empty()) return false;
  if (!schedule_.instance().context().remove(sequence_.id, from, to)) return false;
  for (std::size_t i = sequence_.tokens.size(); i > 0; --i) {
    if (!inside(sequence_.positions[i - 1], from, to)) continue;
    sequence_.tokens.erase(sequence_.tokens.begin() + static_cast<std::ptrdiff_t>(i - 1));
    sequence_.positions.erase(sequence_.positions.begin() + static_cast<std::ptrdiff_t>(i - 1));
    sequence_.cells.erase(i - 1, 1);
  }
  sequence_.decoded = sequence_.tokens.size();
  schedule_.note_cells();
  find_first_vector(sequence_);
  return true;
}

void Conversation::MemoryEdit::add(Position from, Position to, Position by) {
  for (const Position position : sequence_.positions) {
    const std::int64_t moved = std::int64_t{position} + by;
    if (inside(position, from, to) && (moved < 0 || moved >= std::numeric_limits<Position>::max()))
      throw Error(ErrorCode::usage, fmt::format("position {} cannot be moved by {}", position, by));
  }
  schedule_.instance().context().shift(sequence_.id, from, to, by);
  for (Position& position : sequence_.positions) {
    if (inside(position, from, to)) position += by;
  }
}

void Conversation::MemoryEdit::divide(Position from, Position to, int by) {
  if (by < 1) throw Error(ErrorCode::usage, fmt::format("positions cannot be divided by {}", by));
  schedule_.instance().context().divide(sequence_.id, from, to, by);
  for (Position& position : sequence_.positions) {
    if (inside(position, from, to)) position /= by;
  }
}

}  // namespace plimsoll::run
