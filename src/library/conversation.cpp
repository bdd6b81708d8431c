#include <plimsoll/conversation.hpp>

#include <plimsoll/model.hpp>
#include <plimsoll/sampler.hpp>
#include <utility>

#include "engine/prompt_tokens.hpp"
#include "engine/sampler.hpp"
#include "run/decode_failure.hpp"
#include "run/state_archive.hpp"

#include "conversation_state.hpp"
#include "generation_impl.hpp"
#include "media_impl.hpp"
#include "model_state.hpp"
#include "moved_from.hpp"
#include "own_process.hpp"
#include "sampler_impl.hpp"

namespace plimsoll {
namespace {

class Edit final : public Conversation::MemoryEdit {
 public:
  explicit Edit(run::Conversation::MemoryEdit& edit) : edit_(edit) {}
  std::int32_t end() const override { return edit_.end(); }
  bool remove(std::int32_t from, std::int32_t to) override { return edit_.remove(from, to); }
  void add(std::int32_t from, std::int32_t to, std::int32_t by) override { edit_.add(from, to, by); }
  void divide(std::int32_t from, std::int32_t to, int by) override { edit_.divide(from, to, by); }

 private:
  run::Conversation::MemoryEdit& edit_;
};

}  // namespace

Media Media::from_pixels(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb) {
  return library::media(engine::Media::from_pixels(width, height, rgb));
}
Media Media::from_samples(std::span<const float> samples) {
  return library::media(engine::Media::from_samples(samples));
}
bool operator==(const Media& a, const Media& b) { return a.impl().media == b.impl().media; }
const Media::Impl& Media::impl() const { return *library::held(impl_, "medium"); }
std::uint32_t Media::width() const { return impl().media.width(); }
std::uint32_t Media::height() const { return impl().media.height(); }

const SavedConversation::Impl& SavedConversation::impl() const { return *library::held(impl_, "saved conversation"); }
std::size_t SavedConversation::tokens() const { return impl().snapshot.tokens.size(); }
Bytes SavedConversation::size() const { return impl().snapshot.size(); }
void SavedConversation::write(const std::filesystem::path& path) const { run::write_archive(path, impl().snapshot); }

Conversation::State::State(Model::State& of) : State(of, of.executor->create()) {}

Conversation::State::State(Model::State& of, run::Conversation taken)
    : owner(of.shared_from_this()), model(of.weak_from_this()), own(std::move(taken)), conversation(&*own) {
  if (!of.draft_executor) return;
  own_draft = of.draft_executor->create();
  draft = {.conversation = &*own_draft, .speculation = library::speculation_of(*of.options.draft)};
}

Conversation::State::State(std::shared_ptr<const void> keeper, run::Conversation& leased,
                           std::optional<run::Draft> leased_draft)
    : owner(std::move(keeper)), conversation(&leased), draft(leased_draft) {}

Conversation::State::~State() {
  own_draft.reset();
  own.reset();
  if (const auto of = model.lock()) of->sequence_is_free();
}

namespace library {

void require_idle(const Conversation::State& state) {
  if (state.generating) throw Error(ErrorCode::usage, "a generation of this conversation is under way");
}

}  // namespace library

Conversation::Conversation(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Conversation::Conversation(Conversation&&) noexcept = default;
Conversation& Conversation::operator=(Conversation&&) noexcept = default;
Conversation::~Conversation() = default;

Conversation::State& Conversation::idle() const {
  State& state = *library::held_here(state_, "conversation");
  library::require_idle(state);
  return state;
}

Generation Conversation::generate(std::string_view text, GenerationOptions options) {
  const run::Conversation& conversation = *idle().conversation;
  const engine::Model& model = conversation.vocabulary();
  return library::begin(state_, engine::prompt_tokens(model, text, conversation.size() == 0), std::move(options));
}

Generation Conversation::generate(GenerationOptions options) {
  (void)idle();
  return library::begin(state_, {}, std::move(options));
}

void Conversation::prompt(std::string_view text) { idle().conversation->prompt(text); }

void Conversation::prompt(std::span<const Token> tokens) { idle().conversation->prompt(tokens); }

void Conversation::prompt(std::string_view text, std::span<const Media> media) {
  std::vector<engine::Media> shown;
  for (const Media& one : media) shown.push_back(one.impl().media);
  idle().conversation->prompt(text, shown);
}

void Conversation::prompt_embeddings(std::span<const float> vectors) {
  idle().conversation->prompt_embeddings(vectors);
}

void Conversation::prompt_all_logits(std::span<const Token> tokens) { idle().conversation->prompt_all_logits(tokens); }

std::size_t Conversation::replace(std::span<const Token> tokens) { return idle().conversation->replace(tokens); }

void Conversation::infer(std::stop_token stop) {
  run::Conversation& conversation = *idle().conversation;
  run::Instance& instance = conversation.instance();
  run::require_decoded(conversation.infer(std::move(stop)), "decoding on '" + instance.name() + "'", instance);
}

std::span<const float> Conversation::logits(std::size_t back) const { return idle().conversation->logits(back); }

Token Conversation::sample(Sampler& sampler, std::size_t back) {
  run::Conversation& conversation = *idle().conversation;
  return conversation.sample(*sampler.impl()->for_logits_of(*conversation.instance().model()), back);
}

std::vector<Token> Conversation::tokens() const {
  return library::held_here(state_, "conversation")->conversation->tokens();
}

std::string Conversation::text(bool control_tokens) const {
  const run::Conversation& conversation = *library::held_here(state_, "conversation")->conversation;
  std::vector<Token> tokens = conversation.tokens();
  std::erase(tokens, engine::kNoToken);
  return conversation.vocab().detokenize(tokens, control_tokens);
}

std::size_t Conversation::size() const { return library::held_here(state_, "conversation")->conversation->size(); }

std::size_t Conversation::capacity() const {
  return library::held_here(state_, "conversation")->conversation->capacity();
}

Conversation Conversation::fork() const {
  State& state = idle();
  const auto model = state.model.lock();
  if (!model) throw Error(ErrorCode::unsupported, "a lease has one sequence: what it holds cannot be forked");
  try {
    return Conversation(std::make_shared<State>(*model, state.conversation->fork()));
  } catch (...) {  // where its draft has none, what it had taken is free again
    model->sequence_is_free();
    throw;
  }
}

void Conversation::rewind(std::size_t tokens) { idle().conversation->rewind(tokens); }

bool Conversation::shift_left(std::size_t count, std::size_t keep) {
  return idle().conversation->shift_left(count, keep);
}

void Conversation::reprefill_without(std::size_t count, std::size_t keep) {
  idle().conversation->reprefill_without(count, keep);
}

void Conversation::modify(const std::function<void(MemoryEdit&)>& edit) {
  State& state = idle();
  if (!edit)
    throw Error(ErrorCode::usage, "there is nothing that would modify the conversation: the function is empty");
  state.conversation->modify([&](run::Conversation::MemoryEdit& memory) {
    Edit lent(memory);
    edit(lent);
  });
}

void Conversation::clear() { idle().conversation->clear(); }

SavedConversation Conversation::save() const { return library::saved(idle().conversation->save()); }

void Conversation::restore(const SavedConversation& saved) {
  State& state = idle();
  const auto model = state.model.lock();
  if (!model)
    throw Error(ErrorCode::unsupported, "a lease goes on with a conversation of its host, see AcquireOptions");
  model->executor->load_into(*state.own, saved.impl().snapshot);
  state.conversation->refresh();  // logits are not saved: the last token is decoded once more
}

}  // namespace plimsoll
