#include "worker_model.hpp"

#include <plimsoll/base/error.hpp>

#include "faults.hpp"
#include "generation_server.hpp"
#include "reclaim_request.hpp"
#include "snapshots.hpp"

namespace plimsoll::worker {

WorkerModel::~WorkerModel() {
  model.reset();
  member.reset();
  if (gone) gone();
}

void WorkerModel::begin_leaving() {
  const std::lock_guard lock(mutex_);
  ++leaving_;
}

void WorkerModel::has_left() {
  const std::lock_guard lock(mutex_);
  --leaving_;
  changed_.notify_all();
}

bool WorkerModel::has_some_leaving() {
  const std::lock_guard lock(mutex_);
  return leaving_ > 0;
}

// What the host has given back is on its way out, and needs this thread's lock for that: it is not asked for more
// before that is gone.
void WorkerModel::ask_for_room(std::shared_ptr<ReclaimRequest> host) {
  model->on_full_cache([this, host = std::move(host)] { return has_some_leaving() || host->look(); });
}

run::Conversation WorkerModel::with_a_free_sequence(const std::function<run::Conversation()>& make) {
  for (;;) {
    std::size_t leaving = 0;
    {
      const std::lock_guard lock(mutex_);
      leaving = leaving_;
    }
    try {
      return make();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::busy || leaving == 0) throw;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return leaving_ < leaving; });
  }
}

namespace {

// What is told of a sequence, read where it may wait for a batch: on the strand.
struct SequenceState {
  std::size_t size = 0;
  std::size_t waiting = 0;
  bool has_logits = false;
};

SequenceState state_of(const run::Conversation& conversation) {
  return {.size = conversation.size(), .waiting = conversation.waiting(), .has_logits = conversation.has_logits()};
}

void write(rpc::State::Builder to, const SequenceState& state) {
  to.setSize(state.size);
  to.setWaiting(state.waiting);
  to.setHasLogits(state.has_logits);
}

run::Conversation& conversation_of(WorkerSequence& sequence) { return *sequence.conversation; }

engine::AdapterScales scales_of(capnp::List<float>::Reader list) {
  engine::AdapterScales out;
  for (const float scale : list) out.push_back(scale);
  return out;
}

std::vector<std::vector<engine::Token>> inputs_of(capnp::List<capnp::List<std::int32_t>>::Reader list) {
  std::vector<std::vector<engine::Token>> out;
  for (const auto input : list) out.push_back(tokens_of(input));
  return out;
}

}  // namespace

void write(rpc::State::Builder to, const run::Conversation& conversation) { write(to, state_of(conversation)); }

void write(rpc::Counts::Builder to, const run::ServedModel& model) {
  const memory::SealCounts seal = model.seal_counts();
  to.setComputed(model.tokens_computed());
  to.setGenerated(model.tokens_generated());
  to.setCells(model.cells_used());
  to.setAfterSeal(seal.allocations_after_seal);
  to.setRefused(seal.refused_after_seal);
  to.setHasFailed(model.has_failed());
}

// --- a sequence ---

WorkerSequence::~WorkerSequence() {
  conversation.reset();
  if (is_leaving) model->has_left();
}

// To be given back it waits for the batch that is being decoded: nobody else's thread does that.
std::shared_ptr<WorkerSequence> sequence_of(std::shared_ptr<WorkerModel> model, std::shared_ptr<Strand> strand) {
  auto* const made = new WorkerSequence{.model = std::move(model)};
  return {made,
          [strand = std::move(strand)](WorkerSequence* sequence) { strand->post([sequence] { delete sequence; }); }};
}

// What is under way on it may outlast this.
SequenceServer::~SequenceServer() noexcept(false) {
  sequence_->model->begin_leaving();
  sequence_->is_leaving = true;
}

kj::Promise<void> SequenceServer::append(AppendContext context) {
  return strand_
      ->promise([sequence = sequence_, tokens = tokens_of(context.getParams().getTokens())] {
        run::Conversation& conversation = conversation_of(*sequence);
        fault_when_taken(tokens);
        conversation.prompt(tokens);
        return state_of(conversation);
      })
      .then([context](SequenceState state) mutable { write(context.getResults().initState(), state); });
}

kj::Promise<void> SequenceServer::replace(ReplaceContext context) {
  return strand_
      ->promise([sequence = sequence_, tokens = tokens_of(context.getParams().getTokens())] {
        run::Conversation& conversation = conversation_of(*sequence);
        fault_when_taken(tokens);
        const std::size_t in_memory = conversation.replace(tokens);
        return std::pair(state_of(conversation), in_memory);
      })
      .then([context](std::pair<SequenceState, std::size_t> done) mutable {
        write(context.getResults().initState(), done.first);
        context.getResults().setInMemory(done.second);
      });
}

kj::Promise<void> SequenceServer::rewind(RewindContext context) {
  return strand_
      ->promise([sequence = sequence_, count = context.getParams().getCount()] {
        run::Conversation& conversation = conversation_of(*sequence);
        conversation.rewind(count);
        return state_of(conversation);
      })
      .then([context](SequenceState state) mutable { write(context.getResults().initState(), state); });
}

kj::Promise<void> SequenceServer::refresh(RefreshContext context) {
  return strand_
      ->promise([sequence = sequence_] {
        run::Conversation& conversation = conversation_of(*sequence);
        conversation.refresh();
        return state_of(conversation);
      })
      .then([context](SequenceState state) mutable { write(context.getResults().initState(), state); });
}

kj::Promise<void> SequenceServer::copyFrom(CopyFromContext context) {
  using Copied = std::pair<SequenceState, std::vector<engine::Token>>;
  rpc::Sequence::Client named = context.getParams().getOther();
  return all_.getLocalServer(named).then(
      [this, context, named](kj::Maybe<rpc::Sequence::Server&> found) mutable -> kj::Promise<void> {
        KJ_IF_MAYBE (server, found) {
          return strand_
              ->promise([sequence = sequence_, other = static_cast<SequenceServer&>(*server).sequence(),
                         most = context.getParams().getMost()] {
                run::Conversation& conversation = conversation_of(*sequence);
                conversation.copy_from(conversation_of(*other), most);
                return Copied(state_of(conversation), conversation.tokens());
              })
              .then([context](Copied copied) mutable {
                auto results = context.getResults();
                write(results.initState(), copied.first);
                write_list(results.initTokens(static_cast<capnp::uint>(copied.second.size())), copied.second);
              });
        }
        return to_rpc({ErrorCode::internal, "the sequence that is to be copied is of another process"});
      });
}

kj::Promise<void> SequenceServer::setScales(SetScalesContext context) {
  return strand_
      ->promise([sequence = sequence_, scales = scales_of(context.getParams().getScales())] {
        run::Conversation& conversation = conversation_of(*sequence);
        conversation.set_adapter_scales(scales);
        return state_of(conversation);
      })
      .then([context](SequenceState state) mutable { write(context.getResults().initState(), state); });
}

kj::Promise<void> SequenceServer::setWeight(SetWeightContext context) {
  return strand_->promise([sequence = sequence_, weight = context.getParams().getWeight()] {
    conversation_of(*sequence).set_weight(weight);
  });
}

kj::Promise<void> SequenceServer::save(SaveContext context) {
  return strand_->promise([sequence = sequence_] { return pack(conversation_of(*sequence).save()); })
      .then([context](PackedSnapshot packed) mutable { write(context.getResults().initSnapshot(), kj::mv(packed)); });
}

kj::Promise<void> SequenceServer::sizeWhenSaved(SizeWhenSavedContext context) {
  return strand_->promise([sequence = sequence_] { return conversation_of(*sequence).size_when_saved().value(); })
      .then([context](std::uint64_t size) mutable { context.getResults().setSize(size); });
}

kj::Promise<void> SequenceServer::generate(GenerateContext context) {
  const auto params = context.getParams();
  auto make = [this, context](std::shared_ptr<WorkerSequence> draft) mutable {
    auto server = kj::heap<GenerationServer>(sequence_, std::move(draft), strand_, context.getParams().getReader());
    GenerationServer& generation = *server;
    context.getResults().setGeneration(kj::mv(server));
    return generation.begin(generation_request_from(context.getParams().getParams().cStr()));
  };
  if (!params.hasDraft()) return make(nullptr);
  rpc::Sequence::Client named = params.getDraft();
  return all_.getLocalServer(named).then(
      [make = kj::mv(make), named](kj::Maybe<rpc::Sequence::Server&> found) mutable -> kj::Promise<void> {
        KJ_IF_MAYBE (server, found) return make(static_cast<SequenceServer&>(*server).sequence());
        return to_rpc({ErrorCode::internal, "the sequence of the draft is of another process"});
      });
}

// --- a model ---

namespace {

template <class Results>
void give(Results results, SequenceSet& all, std::shared_ptr<WorkerSequence> sequence, std::shared_ptr<Strand> strand,
          const SequenceState& state) {
  results.setSequence(all.add(kj::heap<SequenceServer>(all, std::move(sequence), std::move(strand))));
  write(results.initState(), state);
}

}  // namespace

std::shared_ptr<WorkerModel> ModelServer::model() const {
  if (!model_) kj::throwFatalException(to_rpc({ErrorCode::internal, "this model has been closed"}));
  return model_;
}

kj::Promise<void> ModelServer::create(CreateContext context) {
  auto strand = std::make_shared<Strand>();
  auto sequence = sequence_of(model(), strand);
  const auto asked = context.getParams();
  return strand_
      .promise([sequence, tokens = tokens_of(asked.getTokens()), scales = scales_of(asked.getScales()),
                weight = asked.getWeight()] {
        run::Conversation made = sequence->model->with_a_free_sequence([&] { return sequence->served().create(); });
        if (!scales.empty()) made.set_adapter_scales(scales);
        made.set_weight(weight);
        fault_when_taken(tokens);
        if (!tokens.empty()) (void)made.replace(tokens);
        sequence->conversation.emplace(std::move(made));
        return state_of(*sequence->conversation);
      })
      .then([this, context, sequence, strand](SequenceState state) mutable {
        give(context.getResults(), sequences_, std::move(sequence), std::move(strand), state);
      });
}

kj::Promise<void> ModelServer::restore(RestoreContext context) {
  auto strand = std::make_shared<Strand>();
  auto sequence = sequence_of(model(), strand);
  return received(context.getParams().getSnapshot())
      .then([this, sequence, weight = context.getParams().getWeight()](PackedSnapshot packed) {
        auto there = std::make_shared<PackedSnapshot>(kj::mv(packed));
        return strand_.promise([sequence, there, weight] {
          const run::SequenceSnapshot snapshot = unpack(kj::mv(*there));
          sequence->conversation.emplace(
              sequence->model->with_a_free_sequence([&] { return sequence->served().load(snapshot); }));
          sequence->conversation->set_weight(weight);
          return state_of(*sequence->conversation);
        });
      })
      .then([this, context, sequence, strand](SequenceState state) mutable {
        give(context.getResults(), sequences_, std::move(sequence), std::move(strand), state);
      });
}

namespace {

void fault_in(const std::vector<std::vector<engine::Token>>& inputs) {
  for (const auto& input : inputs) fault_at(input);
}

}  // namespace

kj::Promise<void> ModelServer::embed(EmbedContext context) {
  return strand_
      .promise([model = model(), inputs = inputs_of(context.getParams().getInputs()),
                normalise = context.getParams().getNormalise()] {
        fault_in(inputs);
        return model->model->embed(inputs,
                                   {.normalisation = normalise ? run::Normalisation::l2 : run::Normalisation::none});
      })
      .then([context](std::vector<run::Embedding> done) mutable {
        auto rows = context.getResults().initRows(static_cast<capnp::uint>(done.size()));
        for (capnp::uint i = 0; i < rows.size(); ++i) {
          rows[i].setWidth(done[i].width);
          write_list(rows[i].initValues(static_cast<capnp::uint>(done[i].values.size())), done[i].values);
        }
      });
}

kj::Promise<void> ModelServer::rank(RankContext context) {
  return strand_
      .promise([model = model(), inputs = inputs_of(context.getParams().getInputs()),
                sigmoid = context.getParams().getSigmoid()] {
        fault_in(inputs);
        return model->model->rank(inputs, {.sigmoid = sigmoid});
      })
      .then([context](std::vector<run::Ranked> done) mutable {
        auto rows = context.getResults().initRows(static_cast<capnp::uint>(done.size()));
        for (capnp::uint i = 0; i < rows.size(); ++i) {
          rows[i].setWidth(done[i].classes.size());
          write_list(rows[i].initValues(static_cast<capnp::uint>(done[i].classes.size())), done[i].classes);
        }
      });
}

// The host has given its sequences back; the last of them may still be on their way.
kj::Promise<void> ModelServer::close(CloseContext) {
  auto gone = kj::newPromiseAndCrossThreadFulfiller<void>();
  auto model = this->model();
  model_.reset();
  const auto fulfiller = std::make_shared<kj::Own<kj::CrossThreadPromiseFulfiller<void>>>(kj::mv(gone.fulfiller));
  model->gone = [fulfiller] { (*fulfiller)->fulfill(); };
  strand_.post([model = std::move(model)]() mutable { model.reset(); });
  return kj::mv(gone.promise);
}

}  // namespace plimsoll::worker
