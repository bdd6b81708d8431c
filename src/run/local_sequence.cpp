#include "local_sequence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "run/speculative.hpp"

#include "drafting.hpp"
#include "inference.hpp"
#include "local_work.hpp"

namespace plimsoll::run {

using engine::Position;
using engine::Token;

LocalSequence::LocalSequence(std::shared_ptr<SequenceSchedule> schedule, std::shared_ptr<Sequence> sequence)
    : schedule_(std::move(schedule)), sequence_(std::move(sequence)) {}

LocalSequence::~LocalSequence() {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->release(sequence_);
}

const std::string& LocalSequence::model_name() const { return instance().name(); }
const engine::ModelFacts& LocalSequence::model_facts() const { return instance().model()->facts(); }
const engine::ContextFacts& LocalSequence::context_facts() const { return instance().context().facts(); }
const engine::Model& LocalSequence::vocabulary() const { return *instance().model(); }
std::string LocalSequence::fingerprint() const { return fingerprint_of(instance().context()); }

bool LocalSequence::is_decoding_here() const noexcept { return instance().loop()->is_this_thread(); }

namespace {

void require_none_for_all_logits(const Sequence& sequence) {
  if (sequence.all_logits && sequence.waiting() > 0)
    throw Error(ErrorCode::usage, "tokens whose logits are all wanted still wait here; infer first");
}

}  // namespace

void LocalSequence::append(std::span<const Token> tokens) {
  schedule_->where_prompts_are_read([&] {
    require_none_for_all_logits(*sequence_);
    schedule_->append(*sequence_, tokens, false);
  });
}

void LocalSequence::prompt(std::string_view text, std::span<const engine::Media> media) {
  schedule_->on_loop([&] {
    require_none_for_all_logits(*sequence_);
    schedule_->append_chunks(*sequence_, instance().projector().tokenize(text, media, sequence_->tokens.empty()));
  });
}

std::size_t LocalSequence::replace(std::span<const engine::PromptChunk> chunks, std::size_t same) {
  return schedule_->on_loop([&] { return schedule_->replace_with_chunks(*sequence_, chunks, same); });
}

void LocalSequence::prompt_embeddings(std::span<const float> vectors) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  require_none_for_all_logits(*sequence_);
  schedule_->append_vectors(*sequence_, vectors);
}

void LocalSequence::prompt_all_logits(std::span<const Token> tokens) {
  if (waiting() > 0) throw Error(ErrorCode::usage, "tokens wait here already; infer before all logits are asked for");
  const std::size_t rows = instance().plan().dry_run.outputs;
  const std::size_t at_once = schedule_->largest_whole_prompt();
  const std::size_t most = std::min(rows, at_once);
  if (tokens.size() > most) {
    throw Error(ErrorCode::usage,
                fmt::format("the logits after {} tokens at once were asked for, and '{}' was planned for {}; plan it "
                            "with {} {}",
                            tokens.size(), instance().name(), most,
                            rows < tokens.size() ? "n_outputs_max" : "batches and micro-batches of", tokens.size()),
                {{"requested", tokens.size()}, {"available", most}});
  }
  schedule_->where_prompts_are_read([&] { schedule_->append(*sequence_, tokens, true); });
}

std::size_t LocalSequence::replace(std::span<const Token> tokens) {
  if (tokens.empty()) throw Error(ErrorCode::usage, "there are no tokens in this prompt");
  const std::size_t room = context_facts().n_ctx_seq;
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

engine::DecodeStatus LocalSequence::infer(std::stop_token stop, const std::function<void(std::size_t)>& progress) {
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

std::size_t LocalSequence::waiting() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->waiting();
}

bool LocalSequence::has_logits() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return !sequence_->logits.empty() || !sequence_->batch_rows.empty();
}

std::span<const float> LocalSequence::logits(std::size_t back) {
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
Token LocalSequence::sample(engine::Sampler& sampler, std::size_t back) {
  bool seen = false;
  {
    const SequenceSchedule::Lock lock(schedule_->mutex());
    const std::span<const float> row = schedule_->row(*sequence_, back);
    seen = !row.empty() && sampler.look(row);
  }
  return seen ? sampler.sample_seen() : sampler.sample(logits(back));
}

// Another thread's batch may fail meanwhile, and take this conversation's tokens back.
std::vector<Token> LocalSequence::tokens() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->tokens;
}

std::size_t LocalSequence::size() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->tokens.size();
}

Position LocalSequence::next_position() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->next_position();
}

engine::SequenceId LocalSequence::id() const { return sequence_->id; }

std::unique_ptr<LocalSequence> LocalSequence::fork() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return std::make_unique<LocalSequence>(schedule_, schedule_->fork(*sequence_));
}

void LocalSequence::copy_from(const HeldSequence& of_other, std::size_t most) {
  const auto* other = dynamic_cast<const LocalSequence*>(&of_other);
  if (other == nullptr || schedule_ != other->schedule_)
    throw Error(ErrorCode::usage, "a conversation of another executor cannot be copied");
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->continuation != nullptr)
    throw Error(ErrorCode::usage, "this conversation is being decoded; it does one thing at a time");
  if (sequence_ == other->sequence_) return;
  schedule_->copy(*other->sequence_, *sequence_);
  schedule_->forget_behind(*sequence_, most);
}

void LocalSequence::rewind(std::size_t n) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (n > sequence_->tokens.size())
    throw Error(ErrorCode::usage, fmt::format("{} tokens cannot be taken back of {}", n, sequence_->tokens.size()));
  if (sequence_->is_inside_a_span(sequence_->tokens.size() - n))
    throw Error(ErrorCode::usage, "this would leave a part of a picture, which can be taken back as a whole only");
  schedule_->truncate(*sequence_, sequence_->tokens.size() - n);
}

void LocalSequence::refresh() {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->waiting() > 0 || sequence_->tokens.empty()) return;
  const Token last = sequence_->tokens.back();
  if (last == LLAMA_TOKEN_NULL) throw Error(ErrorCode::unsupported, "the last one is a vector, and those are not kept");
  const Position position = sequence_->positions.back();
  schedule_->truncate(*sequence_, sequence_->tokens.size() - 1);
  sequence_->tokens.push_back(last);
  sequence_->positions.push_back(position);
}

void find_first_vector(Sequence& sequence) {
  const auto vector = std::ranges::find(sequence.tokens, LLAMA_TOKEN_NULL);
  sequence.first_vector.reset();
  if (vector != sequence.tokens.end())
    sequence.first_vector = static_cast<std::size_t>(vector - sequence.tokens.begin());
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

void require_range(const Sequence& sequence, std::size_t count, std::size_t keep) {
  if (!sequence.blocks.empty()) throw Error(ErrorCode::usage, "vectors wait here; infer before they are moved");
  const std::size_t size = sequence.tokens.size();
  if (count == 0 || count > size || keep > size - count) {  // their sum may not be a number
    throw Error(ErrorCode::usage,
                fmt::format("{} tokens cannot be forgotten after the first {} of {}", count, keep, size));
  }
}

}  // namespace

// Recurrent state takes part of every token before it and lets none of them go, though the engine says yes.
bool can_forget_a_part(const Instance& instance) {
  return !instance.model()->facts().is_recurrent && !instance.model()->facts().is_hybrid;
}

bool LocalSequence::shift_left(std::size_t count, std::size_t keep) {
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

void LocalSequence::reprefill_without(std::size_t count, std::size_t keep) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  require_range(*sequence_, count, keep);
  schedule_->decode_again(*sequence_);
  erase_and_close(*sequence_, count, keep);
  for (std::size_t i = 0; i < sequence_->positions.size(); ++i) sequence_->positions[i] = static_cast<Position>(i);
}

void LocalSequence::modify(const std::function<void(Conversation::MemoryEdit&)>& edit) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  if (sequence_->waiting() > 0) throw Error(ErrorCode::usage, "tokens wait here; infer before their memory is edited");
  Conversation::MemoryEdit editor(*schedule_, *sequence_);
  schedule_->forget_logits(*sequence_);
  edit(editor);
}

void LocalSequence::clear() {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->truncate(*sequence_, 0);
}

void LocalSequence::set_adapter_scales(std::span<const float> scales) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  schedule_->set_adapter_scales(*sequence_, scales);
}

engine::AdapterScales LocalSequence::adapter_scales() const {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  return sequence_->adapter_scales;
}

void LocalSequence::set_weight(double weight) {
  const SequenceSchedule::Lock lock(schedule_->mutex());
  sequence_->weight = weight;
}

SequenceSnapshot LocalSequence::save() const {
  return schedule_->on_loop([&] { return schedule_->save(*sequence_); });
}

Bytes LocalSequence::size_when_saved() const {
  return schedule_->on_loop([&] { return schedule_->size_when_saved(*sequence_); });
}

namespace {

// Whether their tokens are the same is looked at where the two models are opened: that takes the whole vocabulary.
void require_usable(const Instance& target, const Draft& draft) {
  const Instance& proposer = draft.conversation->instance();
  require_memory_for_drafts(*target.model(), target.name());
  if (target.model()->facts().n_vocab != proposer.model()->facts().n_vocab)
    throw Error(ErrorCode::usage,
                fmt::format("'{}' and '{}' have not the same vocabulary", target.name(), proposer.name()));
  if (target.plan().dry_run.outputs < 2) {
    throw Error(ErrorCode::usage, fmt::format("'{}' was planned for one row of logits; checking proposals needs more: "
                                              "plan it with n_outputs_max 9",
                                              target.name()));
  }
}

}  // namespace

std::unique_ptr<Drafting> LocalSequence::drafting_with(const std::optional<Draft>& draft, std::stop_token stop) const {
  if (!draft) return nullptr;
  require_usable(instance(), *draft);
  const LocalSequence& proposes = draft->conversation->local();
  return std::make_unique<Drafting>(*draft, proposes.schedule(), proposes.sequence(), *schedule_, std::move(stop));
}

std::unique_ptr<GenerationWork> LocalSequence::work(Conversation& conversation, GenerationParams params) {
  std::unique_ptr<Drafting> drafting = drafting_with(params.draft, params.stop);
  return std::make_unique<LocalWork>(conversation, schedule_, sequence_, std::move(params), std::move(drafting));
}

Instance& LocalSequence::instance() const { return schedule_->instance(); }

}  // namespace plimsoll::run
