#include "generation_server.hpp"

#include <atomic>
#include <utility>

#include "run/generation.hpp"

#include "faults.hpp"
#include "own_loop.hpp"

namespace plimsoll::worker {

// What the strand works on. The connection's loop is told through own_loop(), and keeps the reader.
struct GenerationServer::Answer : std::enable_shared_from_this<Answer> {
  std::shared_ptr<WorkerSequence> sequence;
  std::shared_ptr<WorkerSequence> draft;
  std::weak_ptr<Strand> strand;
  std::shared_ptr<rpc::Reader::Client> reader;  // the loop's thread alone
  std::stop_source stop;
  std::optional<run::Generation> generation;
  run::GenerationOutput pending;  // what was read since the last one that was told
  std::size_t told = 0;           // tokens
  std::size_t pieces = 0;         // of text, told
  std::size_t window = 1;         // of those, how many may be unread
  std::size_t base = 0;           // tokens of the conversation before the first that is told
  bool is_over = false;           // its end was told
  std::atomic<std::size_t> read = 0;
  std::atomic<bool> is_woken = false;

  void begin(GenerationRequest request);
  void wake();
  void pump();
  [[nodiscard]] bool pump_one(std::vector<std::pair<run::GenerationOutput, std::string>>& outputs);
  void tell(std::vector<std::pair<run::GenerationOutput, std::string>> outputs);
  [[nodiscard]] std::string end(std::size_t read_tokens);
};

void GenerationServer::Answer::begin(GenerationRequest request) {
  run::GenerationParams& params = request.params;
  run::Conversation& conversation = *sequence->conversation;
  window = std::max<std::size_t>(params.read_ahead.value_or(1), 1);
  params.stop = stop.get_token();
  params.on_ready = [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->wake();
  };
  params.on_read = [this](const run::ReadToken& token) {
    pending.tokens.push_back(token.token);
    if (token.opinion != nullptr) pending.opinions.push_back(*token.opinion);
  };
  params.on_prompt_read = [this](const run::TokenOpinion& opinion) { pending.prompt_opinions.push_back(opinion); };
  const auto in_loop = [weak = weak_from_this()](auto send) {
    own_loop().post([weak, send] {
      const auto self = weak.lock();
      if (self && self->reader) send(*self->reader);
    });
  };
  if (request.tells_progress) {
    params.prompt_progress = [in_loop](std::size_t done, std::size_t of) {
      in_loop([done, of](rpc::Reader::Client& host) {
        auto call = host.progressRequest();
        call.setDone(done);
        call.setOf(of);
        call.send().detach([](kj::Exception&&) {});
      });
    };
  }
  if (request.tells_prompt_decoded || faults_are_on()) {
    params.prompt_decoded = [in_loop, tells = request.tells_prompt_decoded, tokens = conversation.tokens()] {
      fault_at(tokens);
      if (!tells) return;
      in_loop([](rpc::Reader::Client& host) { host.promptDecodedRequest().send().detach([](kj::Exception&&) {}); });
    };
  }
  if (draft && request.speculation)
    params.draft = run::Draft{.conversation = &*draft->conversation, .speculation = *request.speculation};
  generation.emplace(conversation, std::move(params));
  base = conversation.size();
}

// From any thread: the strand looks what there is.
void GenerationServer::Answer::wake() {
  if (is_woken.exchange(true)) return;
  if (const auto there = strand.lock()) there->post([self = shared_from_this()] { self->pump(); });
}

// False: there is nothing more for now.
bool GenerationServer::Answer::pump_one(std::vector<std::pair<run::GenerationOutput, std::string>>& outputs) {
  std::optional<std::string> piece;
  try {
    piece = generation->poll();
  } catch (...) {
    pending.failure = std::current_exception();
    is_over = true;
  }
  const bool is_empty = pending.tokens.empty() && pending.prompt_opinions.empty();
  if (!pending.failure && piece && piece->empty() && is_empty) return false;
  const bool has_text = piece && !piece->empty();
  if (has_text) {
    ++pieces;
    pending.text = std::move(*piece);
  }
  told += pending.tokens.size();
  pending.averages = generation->averages();
  pending.reason = generation->finish_reason();
  const run::GenerationTiming& timing = generation->timing();
  pending.prompt_ms = timing.prompt_ms;
  pending.generate_ms = timing.generate_ms;
  pending.speculation = timing.speculation;
  if (pending.reason != run::FinishReason::running) is_over = true;
  outputs.emplace_back(std::exchange(pending, {}), is_over ? generation->stop_string() : std::string());
  return !is_over && has_text;
}

void GenerationServer::Answer::pump() {
  is_woken = false;
  if (!generation || is_over) return;
  std::vector<std::pair<run::GenerationOutput, std::string>> outputs;
  while (pieces - read < window && pump_one(outputs)) {
  }
  if (!outputs.empty()) tell(std::move(outputs));
}

void GenerationServer::Answer::tell(std::vector<std::pair<run::GenerationOutput, std::string>> outputs) {
  own_loop().post([self = shared_from_this(), outputs = std::move(outputs), over = is_over] {
    if (!self->reader) return;
    auto call = self->reader->toldRequest();
    auto list = call.initOutputs(static_cast<capnp::uint>(outputs.size()));
    for (capnp::uint i = 0; i < list.size(); ++i) write(list[i], outputs[i].first, outputs[i].second);
    write(call.initCounts(), self->sequence->served());
    call.send().detach([](kj::Exception&&) {});
  });
}

// What the host has not read is taken back.
std::string GenerationServer::Answer::end(std::size_t read_tokens) {
  std::string rest;
  run::Conversation& conversation = *sequence->conversation;
  if (generation && !is_over) {
    stop.request_stop();
    if (read_tokens == told && pending.tokens.empty()) rest = generation->poll().value_or("");
  }
  generation.reset();
  is_over = true;
  const std::size_t wanted = base + read_tokens;
  if (read_tokens < told && conversation.size() > wanted) conversation.rewind(conversation.size() - wanted);
  return rest;
}

GenerationServer::GenerationServer(std::shared_ptr<WorkerSequence> sequence, std::shared_ptr<WorkerSequence> draft,
                                   std::shared_ptr<Strand> strand, rpc::Reader::Client reader)
    : answer_(std::make_shared<Answer>()), strand_(std::move(strand)) {
  answer_->sequence = std::move(sequence);
  answer_->draft = std::move(draft);
  answer_->strand = strand_;
  answer_->reader = std::make_shared<rpc::Reader::Client>(kj::mv(reader));
}

// Nobody is told anything any more; what it holds ends on the strand, before the sequence does.
GenerationServer::~GenerationServer() noexcept(false) {
  answer_->reader.reset();
  strand_->post([answer = std::move(answer_)] { answer->generation.reset(); });
}

kj::Promise<void> GenerationServer::begin(GenerationRequest request) {
  const auto asked = std::make_shared<GenerationRequest>(std::move(request));
  return strand_->promise([answer = answer_, asked] {
    answer->begin(std::move(*asked));
    answer->pump();
  });
}

kj::Promise<void> GenerationServer::read(ReadContext context) {
  answer_->read = context.getParams().getPieces();
  answer_->wake();
  return kj::READY_NOW;
}

// Its end comes as all of it does.
kj::Promise<void> GenerationServer::cancel(CancelContext) {
  answer_->stop.request_stop();
  answer_->wake();
  return kj::READY_NOW;
}

kj::Promise<void> GenerationServer::end(EndContext context) {
  struct Done {
    std::string rest;
    std::size_t size = 0;
    std::size_t waiting = 0;
    bool has_logits = false;
    std::vector<engine::Token> tokens{};  // where they are not those that were read
  };
  answer_->reader.reset();
  return strand_
      ->promise([answer = answer_, read = context.getParams().getRead()] {
        Done done{.rest = answer->end(read)};
        const run::Conversation& conversation = *answer->sequence->conversation;
        done.size = conversation.size();
        done.waiting = conversation.waiting();
        done.has_logits = conversation.has_logits();
        if (done.size != answer->base + read) done.tokens = conversation.tokens();
        return done;
      })
      .then([context](Done done) mutable {
        auto results = context.getResults();
        results.setRest({reinterpret_cast<const kj::byte*>(done.rest.data()), done.rest.size()});
        write_list(results.initTokens(static_cast<capnp::uint>(done.tokens.size())), done.tokens);
        auto state = results.initState();
        state.setSize(done.size);
        state.setWaiting(done.waiting);
        state.setHasLogits(done.has_logits);
      });
}

}  // namespace plimsoll::worker
