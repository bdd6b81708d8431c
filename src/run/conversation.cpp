#include "run/conversation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "engine/prompt_tokens.hpp"

#include "inference.hpp"
#include "sequence_schedule.hpp"

namespace plimsoll::run {

using engine::Position;
using engine::Token;

Conversation::Conversation(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence)
    : schedule_(std::move(schedule)), sequence_(std::move(sequence)) {}

Conversation::~Conversation() { release(); }

Conversation::Conversation(Conversation&&) noexcept = default;

Conversation& Conversation::operator=(Conversation&& other) noexcept {
  if (this == &other) return *this;
  release();
  schedule_ = std::move(other.schedule_);
  sequence_ = std::move(other.sequence_);
  return *this;
}

void Conversation::release() noexcept {
  if (!sequence_) return;
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->release(sequence_);
  sequence_.reset();
}

namespace {

void require_none_for_all_logits(const Sequence& sequence) {
  if (sequence.all_logits && sequence.waiting() > 0)
    throw Error(ErrorCode::usage, "tokens whose logits are all wanted still wait here; infer first");
}

}  // namespace

void Conversation::prompt(std::span<const Token> tokens) {
  schedule_->where_prompts_are_read([&] {
    require_none_for_all_logits(*sequence_);
    schedule_->append(*sequence_, tokens, false);
  });
}

void Conversation::prompt(std::string_view text) {
  prompt(engine::prompt_tokens(*instance().model(), text, size() == 0));
}

void Conversation::prompt(std::string_view text, std::span<const engine::Media> media) {
  schedule_->on_loop([&] {
    require_none_for_all_logits(*sequence_);
    schedule_->append_chunks(*sequence_, instance().projector().tokenize(text, media, sequence_->tokens.empty()));
  });
}

void Conversation::prompt_embeddings(std::span<const float> vectors) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  require_none_for_all_logits(*sequence_);
  schedule_->append_vectors(*sequence_, vectors);
}

void Conversation::prompt_all_logits(std::span<const Token> tokens) {
  if (waiting() > 0) throw Error(ErrorCode::usage, "tokens wait here already; infer before all logits are asked for");
  const std::size_t most =
      std::min<std::size_t>(instance().plan().dry_run.outputs, instance().context().facts().n_batch);
  if (tokens.size() > most) {
    throw Error(ErrorCode::usage,
                fmt::format("the logits after {} tokens at once were asked for, and '{}' was planned for {}; plan it "
                            "with n_outputs_max {}",
                            tokens.size(), instance().name(), most, tokens.size()),
                {{"requested", tokens.size()}, {"available", most}});
  }
  schedule_->where_prompts_are_read([&] { schedule_->append(*sequence_, tokens, true); });
}

std::size_t Conversation::replace(std::span<const Token> tokens) {
  if (tokens.empty()) throw Error(ErrorCode::usage, "there are no tokens in this prompt");
  const std::size_t room = capacity();
  if (tokens.size() > room) {
    throw Error(
        ErrorCode::context_overflow,
        fmt::format("{} tokens were given, and a sequence of '{}' holds {}", tokens.size(), instance().name(), room),
        {{"needed", tokens.size()}, {"available", room}});
  }
  require_tokens(instance().model()->facts(), tokens);
  const bool keeps_its_prompt = !instance().model()->facts().has_encoder;
  return schedule_->where_prompts_are_read([&] {
    const std::vector<Token>& now = sequence_->tokens;
    std::size_t same = 0;
    while (keeps_its_prompt && same < now.size() && same + 1 < tokens.size() && now[same] == tokens[same] &&
           std::cmp_equal(sequence_->positions[same], same))
      ++same;
    schedule_->truncate(*sequence_, same);
    schedule_->append(*sequence_, tokens.subspan(same), false);
    return sequence_->decoded;
  });
}

engine::DecodeStatus Conversation::infer(std::stop_token stop, const std::function<void(std::size_t)>& progress) {
  if (waiting() == 0) return engine::DecodeStatus::ok;
  Inference inference(std::move(stop), progress);
  schedule_->attach(*sequence_, inference);
  if (instance().loop()->is_this_thread()) {  // from a continuation: nobody else would decode it
    while (!inference.is_done()) (void)schedule_->decode_batch();
  } else {
    inference.wait();
  }
  return inference.result();
}

bool Conversation::requires_inference() const { return waiting() > 0; }

std::size_t Conversation::waiting() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->waiting();
}

bool Conversation::has_logits() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return !sequence_->logits.empty() || !sequence_->batch_rows.empty();
}

std::span<const float> Conversation::logits(std::size_t back) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->own_logits(*sequence_);
  const auto width = static_cast<std::size_t>(instance().model()->facts().n_vocab);
  const std::size_t rows = sequence_->logits.size() / width;
  if (rows == 0) {
    throw Error(ErrorCode::usage, sequence_->waiting() > 0 ? "there are no logits before infer() has decoded the prompt"
                                                           : "there are no logits before a prompt");
  }
  if (back >= rows) {
    throw Error(ErrorCode::usage,
                fmt::format("the logits {} tokens back were not asked for; {} rows are here", back, rows));
  }
  return std::span(sequence_->logits).subspan((rows - 1 - back) * width, width);
}

// From the engine's own row where it is still there: most choices need a few of the logits.
Token Conversation::sample(engine::Sampler& sampler, std::size_t back) {
  bool seen = false;
  {
    const SequenceSchedule::Lock lock(schedule_->mutex());
    const std::span<const float> row = schedule_->row(*sequence_, back);
    seen = !row.empty() && sampler.look(row);
  }
  return seen ? sampler.sample_seen() : sampler.sample(logits(back));
}

// Another thread's batch may fail meanwhile, and take this conversation's tokens back.
std::vector<Token> Conversation::tokens() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->tokens;
}

std::size_t Conversation::size() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->tokens.size();
}

std::size_t Conversation::capacity() const { return instance().context().facts().n_ctx_seq; }

std::size_t Conversation::room() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  const std::size_t used = std::max(sequence_->tokens.size(), static_cast<std::size_t>(sequence_->next_position()));
  return capacity() > used ? capacity() - used : 0;
}

Position Conversation::next_position() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->next_position();
}

engine::SequenceId Conversation::id() const { return sequence_->id; }

void Conversation::set_adapter_scales(std::span<const float> scales) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->set_adapter_scales(*sequence_, scales);
}

void Conversation::set_weight(double weight) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  sequence_->weight = weight;
}

engine::AdapterScales Conversation::adapter_scales() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->adapter_scales;
}

Conversation Conversation::fork() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return {schedule_, schedule_->fork(*sequence_)};
}

void Conversation::copy_from(const Conversation& other) {
  if (schedule_ != other.schedule_)
    throw Error(ErrorCode::usage, "a conversation of another executor cannot be copied");
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->continuation != nullptr)
    throw Error(ErrorCode::usage, "this conversation is being decoded; it does one thing at a time");
  if (sequence_ != other.sequence_) schedule_->copy(*other.sequence_, *sequence_);
}

void Conversation::rewind(std::size_t n) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (n > sequence_->tokens.size())
    throw Error(ErrorCode::usage, fmt::format("{} tokens cannot be taken back of {}", n, sequence_->tokens.size()));
  if (sequence_->is_inside_a_span(sequence_->tokens.size() - n))
    throw Error(ErrorCode::usage, "this would leave a part of a picture, which can be taken back as a whole only");
  schedule_->truncate(*sequence_, sequence_->tokens.size() - n);
}

void Conversation::refresh() {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->waiting() > 0 || sequence_->tokens.empty()) return;
  const Token last = sequence_->tokens.back();
  if (last == LLAMA_TOKEN_NULL) throw Error(ErrorCode::unsupported, "the last one is a vector, and those are not kept");
  const Position position = sequence_->positions.back();
  schedule_->truncate(*sequence_, sequence_->tokens.size() - 1);
  sequence_->tokens.push_back(last);
  sequence_->positions.push_back(position);
}

namespace {

// The tokens after the first `keep` without `count` of them, moved up to close the gap.
void erase_and_close(Sequence& sequence, std::size_t count, std::size_t keep) {
  const auto first = static_cast<std::ptrdiff_t>(keep);
  const auto last = static_cast<std::ptrdiff_t>(keep + count);
  const bool behind = keep + count < sequence.positions.size();
  const Position by = behind ? sequence.positions[keep + count] - sequence.positions[keep] : 0;
  for (std::size_t i = keep + count; i < sequence.positions.size(); ++i) sequence.positions[i] -= by;
  sequence.tokens.erase(sequence.tokens.begin() + first, sequence.tokens.begin() + last);
  sequence.positions.erase(sequence.positions.begin() + first, sequence.positions.begin() + last);
}

void find_first_vector(Sequence& sequence) {
  const auto vector = std::ranges::find(sequence.tokens, LLAMA_TOKEN_NULL);
  sequence.first_vector.reset();
  if (vector != sequence.tokens.end())
    sequence.first_vector = static_cast<std::size_t>(vector - sequence.tokens.begin());
}

void require_range(const Sequence& sequence, std::size_t count, std::size_t keep) {
  if (!sequence.blocks.empty()) throw Error(ErrorCode::usage, "vectors wait here; infer before they are moved");
  const std::size_t size = sequence.tokens.size();
  if (count == 0 || count > size || keep > size - count) {  // their sum may not be a number
    throw Error(ErrorCode::usage,
                fmt::format("{} tokens cannot be forgotten after the first {} of {}", count, keep, size));
  }
}

}  // namespace

namespace {

// Recurrent state takes part of every token before it and lets none of them go, though the engine says yes.
bool can_forget_a_part(const Instance& instance) {
  return !instance.model()->facts().is_recurrent && !instance.model()->facts().is_hybrid;
}

}  // namespace

bool Conversation::shift_left(std::size_t count, std::size_t keep) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  require_range(*sequence_, count, keep);
  engine::Context& context = instance().context();
  if (keep + count == sequence_->tokens.size()) {
    if (sequence_->is_inside_a_span(keep)) return false;
    schedule_->truncate(*sequence_, keep);
    return true;
  }
  const bool in_memory = keep + count <= sequence_->decoded;
  if (!in_memory || !context.can_shift() || !can_forget_a_part(instance())) return false;
  const Position from = sequence_->positions[keep];
  const Position to = sequence_->positions[keep + count];
  if (!context.remove(sequence_->id, from, to)) return false;
  context.shift(sequence_->id, to, -1, from - to);
  erase_and_close(*sequence_, count, keep);
  sequence_->decoded -= count;
  sequence_->cells.erase(keep, count);
  schedule_->note_cells();
  find_first_vector(*sequence_);
  schedule_->forget_logits(*sequence_);
  return true;
}

void Conversation::reprefill_without(std::size_t count, std::size_t keep) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  require_range(*sequence_, count, keep);
  schedule_->decode_again(*sequence_);
  erase_and_close(*sequence_, count, keep);
  for (std::size_t i = 0; i < sequence_->positions.size(); ++i) sequence_->positions[i] = static_cast<Position>(i);
}

void Conversation::modify(const std::function<void(MemoryEdit&)>& edit) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->waiting() > 0) throw Error(ErrorCode::usage, "tokens wait here; infer before their memory is edited");
  MemoryEdit editor(*schedule_, *sequence_);
  schedule_->forget_logits(*sequence_);
  edit(editor);
}

void Conversation::clear() {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->truncate(*sequence_, 0);
}

SequenceSnapshot Conversation::save() const {
  return schedule_->on_loop([&] { return schedule_->save(*sequence_); });
}

Bytes Conversation::size_when_saved() const {
  return schedule_->on_loop([&] { return schedule_->size_when_saved(*sequence_); });
}

Instance& Conversation::instance() const { return schedule_->instance(); }

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
  }
  sequence_.decoded = sequence_.tokens.size();
  find_first_vector(sequence_);
  return true;
}

void Conversation::MemoryEdit::add(Position from, Position to, Position by) {
  for (const Position position : sequence_.positions) {
    const std::int64_t moved = std::int64_t{position} + by;
    if (inside(position, from, to) && (moved < 0 || moved > std::numeric_limits<Position>::max()))
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
