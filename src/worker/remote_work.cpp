#include "remote_work.hpp"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

// The next process has to draw what this one would have drawn.
void fix_seed(engine::SamplingParams& sampling) {
  while (sampling.seed == engine::kRandomSeed) sampling.seed = std::random_device{}();
}

RemoteSequence* draft_of(const run::GenerationParams& params) {
  return params.draft ? dynamic_cast<RemoteSequence*>(&params.draft->conversation->sequence()) : nullptr;
}

}  // namespace

void RemoteWork::Begun::cancel() {
  KJ_IF_MAYBE (one, generation) one->cancelRequest().send().detach([](kj::Exception&&) {});
}

class RemoteWork::ReaderServer final : public rpc::Reader::Server {
 public:
  ReaderServer(std::shared_ptr<Inbound> inbound, std::uint64_t number)
      : inbound_(std::move(inbound)), number_(number) {}

  // A call that let an exception out would be the last one that the process can make here: it is the reader's.
  kj::Promise<void> told(ToldContext context) override {
    with_work([&](RemoteWork& work) {
      try {
        work.deliver(context.getParams());
      } catch (...) {
        work.lose(std::current_exception());
      }
    });
    return kj::READY_NOW;
  }
  kj::Promise<void> progress(ProgressContext context) override {
    with_work([&](RemoteWork& work) {
      try {
        if (work.params_.prompt_progress)
          work.params_.prompt_progress(context.getParams().getDone(), context.getParams().getOf());
      } catch (...) {
        work.tell({.failure = std::current_exception()});
      }
    });
    return kj::READY_NOW;
  }
  // What is called may ask the process something, and wait for that: not here.
  kj::Promise<void> promptDecoded(PromptDecodedContext) override {
    with_work([&](RemoteWork& work) {
      if (std::exchange(inbound_->prompt_was_decoded, true)) return;
      inbound_->holds_back = true;
      work.sequence_->model().callbacks().post([inbound = inbound_] { call_prompt_decoded(*inbound); });
    });
    return kj::READY_NOW;
  }

 private:
  template <class Do>
  void with_work(Do&& what) {
    const std::lock_guard lock(inbound_->mutex);
    if (inbound_->work != nullptr && inbound_->number == number_) what(*inbound_->work);
  }

  std::shared_ptr<Inbound> inbound_;
  std::uint64_t number_;
};

// On a thread that may wait. Answers that follow this one begin with its prompt: its end does not come before they can.
void RemoteWork::call_prompt_decoded(Inbound& inbound) {
  const std::lock_guard calling(inbound.calling);
  RemoteWork* work = nullptr;
  {
    const std::lock_guard lock(inbound.mutex);
    work = inbound.work;
    if (work == nullptr || !inbound.holds_back) return;
  }
  try {
    work->params_.prompt_decoded();
  } catch (...) {
    work->push({.failure = std::current_exception()});
  }
  const std::lock_guard lock(inbound.mutex);
  inbound.holds_back = false;
  for (run::GenerationOutput& output : std::exchange(inbound.held, {})) work->push(std::move(output));
}

RemoteWork::RemoteWork(RemoteSequence& sequence, run::GenerationParams params)
    : GenerationWork(std::move(params)), sequence_(&sequence), loop_(sequence.model().loop()) {
  fix_seed(params_.sampling);
  require_can_cross(params_);
  const bool forgets = run::can_forget_its_tail(sequence.model_facts());
  ahead_ = params_.read_ahead.value_or(forgets ? 1 : 0);
  window_ = forgets ? std::max(ahead_, kLeastWindow) : std::max<std::size_t>(ahead_, 1);
}

RemoteWork::~RemoteWork() {
  on_stop_.reset();
  stop_listening();
  // What is called back may hold the inbound a moment longer than the loop lives.
  const std::lock_guard lock(inbound_->mutex);
  inbound_->begun = nullptr;
}

std::string RemoteWork::stop_string() const {
  const std::lock_guard lock(inbound_->mutex);
  return inbound_->stop_string;
}

void RemoteWork::Cancel::operator()() const noexcept {
  work->loop_.post([inbound = work->inbound_] {
    std::shared_ptr<Begun> begun;
    {
      const std::lock_guard lock(inbound->mutex);
      begun = inbound->begun;
    }
    if (begun) begun->cancel();
  });
}

// What a callback let out ends nothing: it is under way still. What ended it is said again.
bool RemoteWork::is_to_begin() {
  const std::lock_guard lock(inbound_->mutex);
  if (!inbound_->is_over) return inbound_->begun == nullptr;
  if (inbound_->failure) push({.failure = inbound_->failure});
  return false;
}

// Where no process is there, it is begun once one is: who asks does not wait for that.
void RemoteWork::start() {
  if (!std::exchange(has_begun_, true)) prompt_size_ = sequence_->waiting();
  if (!is_to_begin()) return;
  RemoteModel& model = sequence_->model();
  {
    const std::lock_guard lock(link_->mutex_);
    link_->work_ = this;
    model.add(link_);
    try {
      if (const std::shared_ptr<OpenModel> open = model.open_at_once()) begin_in(open, false);
    } catch (const WorkerGone&) {  // it goes on in the next life
    } catch (...) {
      link_->work_ = nullptr;
      const std::lock_guard of_inbound(inbound_->mutex);
      inbound_->begun = nullptr;
      throw;
    }
  }
  on_stop_.emplace(params_.stop, Cancel{.work = this});
}

kj::Promise<bool> RemoteWork::send(const RemoteWork& work, const std::string& params, std::shared_ptr<Begun> begun,
                                   std::uint64_t number) {
  auto call = work.sequence_->client().generateRequest();
  call.setParams(params.c_str());
  call.setReader(kj::heap<ReaderServer>(work.inbound_, number));
  if (const RemoteSequence* draft = draft_of(work.params_)) call.setDraft(draft->client());
  return work.sequence_->model().in_time<bool>(*begun->open, call.send().then([begun](auto&& made) {
    begun->generation = made.getGeneration();
    return true;
  }));
}

// With the link's mutex. In a new life the sequence is made again first, with what has been said.
void RemoteWork::begin_in(const std::shared_ptr<OpenModel>& open, bool is_back) {
  run::GenerationParams params = params_;
  auto begun = loop_.shared<Begun>();
  begun->open = open;
  std::vector<engine::Token> said;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(inbound_->mutex);
    if (inbound_->is_over) return;
    said = inbound_->told;
    inbound_->work = this;
    inbound_->begun = begun;
    inbound_->pieces = 0;
    number = ++inbound_->number;
    begun->said = said.size();
    params.answer_so_far.tokens += said.size();
    if (!said.empty()) params.answer_so_far.averages = inbound_->averages;
    if (inbound_->prompt_was_decoded) params.prompt_decoded = nullptr;
    if (prompt_is_told() || !said.empty()) params.prompt_likeliest.reset();
    inbound_->told_twice = inbound_->prompt_told;
  }
  params.read_ahead = window_;
  // The answer comes behind what it answers: where that fills the context, the last token of it has no place.
  std::vector<engine::Token> all = sequence_->tokens();
  all.append_range(std::span(said).subspan(std::min(noted_, said.size())));
  const std::size_t before = all.size() - std::min(all.size(), params.answer_so_far.tokens);
  params.prompt.clear();
  if (sequence_->be_there_in(open, std::span(all).first(before)))
    params.prompt.assign(std::next(all.begin(), static_cast<std::ptrdiff_t>(before)), all.end());
  if (const RemoteSequence* draft = draft_of(params_))
    (void)draft->be_there_in(draft->model().open_in_life_of(*open), draft->tokens());
  const std::string text = to_text(params);
  (void)as_ours([&] { return loop_.run([&] { return send(*this, text, begun, number); }); });
  if (is_back) log::info("worker", "an answer of '{}' goes on behind {} tokens", sequence_->model_name(), said.size());
  if (params_.stop.stop_requested()) loop_.post([begun] { begun->cancel(); });
}

// The first token has nothing before it.
bool RemoteWork::prompt_is_told() const noexcept { return inbound_->prompt_told + 1 >= prompt_size_; }

// A new life computes the prompt from its beginning.
void RemoteWork::drop_what_was_told(std::vector<run::TokenOpinion>& of_prompt) {
  const std::size_t twice = std::min(inbound_->told_twice, of_prompt.size());
  of_prompt.erase(of_prompt.begin(), of_prompt.begin() + static_cast<std::ptrdiff_t>(twice));
  inbound_->told_twice -= twice;
  inbound_->prompt_told += of_prompt.size();
}

// On the loop's thread, with the inbound's lock.
void RemoteWork::deliver(rpc::Reader::ToldParams::Reader told) {
  RemoteModel& model = sequence_->model();
  model.note(told.getCounts());
  for (const auto one : told.getOutputs()) {
    ReadOutput read = worker::read(one);
    inbound_->told.append_range(read.output.tokens);
    drop_what_was_told(read.output.prompt_opinions);
    if (!read.output.tokens.empty()) inbound_->averages = read.output.averages;
    if (!read.output.text.empty()) ++inbound_->pieces;
    if (!read.stop_string.empty()) inbound_->stop_string = read.stop_string;
    if (read.output.failure || read.output.reason != run::FinishReason::running) inbound_->is_over = true;
    if (read.output.failure) inbound_->failure = read.output.failure;
    if (!read.output.failure && inbound_->is_over && inbound_->begun) inbound_->begun->open->life->did_its_work = true;
    tell(std::move(read.output));
  }
  inbound_->changed.notify_all();
}

// With the inbound's lock. A part of what came could not be taken, for want of memory: the answer would go on without.
void RemoteWork::lose(std::exception_ptr failure) {
  inbound_->is_over = true;
  inbound_->failure = failure;
  inbound_->changed.notify_all();
  tell({.failure = std::move(failure)});
}

// With the queue's lock: so many pieces of this life are read that more may come.
void RemoteWork::has_read() noexcept {
  loop_.post([inbound = inbound_, unread = pieces_] {
    std::size_t read = 0;
    std::shared_ptr<Begun> begun;
    {
      const std::lock_guard lock(inbound->mutex);
      read = inbound->pieces - std::min(inbound->pieces, unread);
      begun = inbound->begun;
    }
    if (!begun) return;
    KJ_IF_MAYBE (generation, begun->generation) {
      auto call = generation->readRequest();
      call.setPieces(read);
      call.send().detach([](kj::Exception&&) {});
    }
  });
}

void RemoteWork::over(std::exception_ptr failure) {
  const std::lock_guard lock(inbound_->mutex);
  if (inbound_->is_over) return;
  inbound_->is_over = true;
  inbound_->failure = failure;
  inbound_->changed.notify_all();
  tell({.failure = std::move(failure)});
}

// With the inbound's lock.
void RemoteWork::tell(run::GenerationOutput output) {
  if (inbound_->holds_back)
    inbound_->held.push_back(std::move(output));
  else
    push(std::move(output));
}

void RemoteWork::stop_listening() {
  {
    const std::lock_guard lock(link_->mutex_);
    link_->work_ = nullptr;
  }
  const std::lock_guard calling(inbound_->calling);
  const std::lock_guard lock(inbound_->mutex);
  inbound_->work = nullptr;
  inbound_->changed.notify_all();
}

// The conversation keeps these first tokens of the answer; what has come behind them goes, there and here. Answers what
// was held back, where nothing had come.
std::string RemoteWork::leave(std::span<const engine::Token> kept) {
  std::shared_ptr<Begun> begun;
  {
    const std::lock_guard lock(inbound_->mutex);
    begun = std::exchange(inbound_->begun, nullptr);
  }
  RemoteSequence::State state;
  std::string rest;
  std::vector<engine::Token> tokens;
  bool is_there = false;
  if (begun && kept.size() >= begun->said) {
    try {
      (void)as_ours([&] {
        return loop_.run([&]() -> kj::Promise<bool> {
          KJ_IF_MAYBE (generation, begun->generation) {
            auto call = generation->endRequest();
            call.setRead(kept.size() - begun->said);
            return sequence_->model().in_time<bool>(*begun->open, call.send().then([&](auto&& done) {
              const auto data = done.getRest();
              rest.assign(data.asChars().begin(), data.size());
              tokens = tokens_of(done.getTokens());
              state = {.waiting = done.getState().getWaiting(), .has_logits = done.getState().getHasLogits()};
              begun->generation = nullptr;
              return true;
            }));
          }
          return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
        });
      });
      is_there = true;
    } catch (const WorkerGone&) {  // the sequence is made again with what was kept, when somebody uses it
    }
  }
  begun.reset();  // given back before the sequence that it computes in
  noted_ = sequence_->note_answer(noted_, kept, state);
  if (!tokens.empty()) sequence_->note_tokens(std::move(tokens), state);
  if (!is_there) sequence_->leave_life();
  return rest;
}

std::string RemoteWork::end(const std::vector<engine::Token>& read) {
  if (sequence_ == nullptr) return {};
  on_stop_.reset();
  const bool was_over = std::exchange(is_over_, true);
  stop_listening();
  std::string rest;
  if (has_begun_) rest = leave(read);
  sequence_ = nullptr;
  return was_over ? std::string() : rest;
}

// What is on its way would be lost, and the rows of logits that it was read from are gone.
void RemoteWork::require_prompt_told() const {
  const std::lock_guard lock(inbound_->mutex);
  if (has_begun_ && params_.prompt_likeliest && !prompt_is_told())
    throw Error(ErrorCode::usage, "in another process, an answer does not pause before its prompt is told");
}

bool RemoteWork::stop_for_now() {
  if (sequence_ == nullptr || is_over_) return false;
  require_prompt_told();
  on_stop_.reset();
  call_prompt_decoded(*inbound_);  // where that was to be
  stop_listening();
  std::vector<engine::Token> told;
  {
    const std::lock_guard lock(inbound_->mutex);
    told = inbound_->told;
  }
  if (has_begun_) (void)leave(told);
  if (noted_ < told.size()) sequence_->leave_life();  // it is made again with all of the answer
  return true;
}

void RemoteWork::start_again(run::HeldSequence& sequence) { sequence_ = dynamic_cast<RemoteSequence*>(&sequence); }

}  // namespace plimsoll::worker
