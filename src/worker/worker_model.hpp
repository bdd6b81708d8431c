// WorkerModel: a model that this process computes for a host: what of it is reached over the connection.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include <capnp/capability.h>

#include "run/compute_group.hpp"
#include "run/local_model.hpp"
#include "worker/messages.hpp"
#include "worker/strand.hpp"

namespace plimsoll::worker {

class ReclaimRequest;  // reclaim_request.hpp

// Shared by whatever uses the model; `gone` is called once nobody does, when its memory has been given back.
struct WorkerModel {
  std::unique_ptr<run::ComputeGroup::Member> member;
  std::unique_ptr<run::LocalModel> model;
  std::function<void()> gone;
  ~WorkerModel();

  // What `make` gives. Where no sequence is free, those are waited for that the host has given back already.
  [[nodiscard]] run::Conversation with_a_free_sequence(const std::function<run::Conversation()>& make);
  void begin_leaving();
  void has_left();
  [[nodiscard]] bool has_some_leaving();
  // Its sequences share a cache: where that is full the host is asked.
  void ask_for_room(std::shared_ptr<ReclaimRequest> host);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t leaving_ = 0;  // sequences
};

// A sequence with all that is done to it, on its strand: one thing after the other. Shared by the capability and by
// what is under way, an answer or that of a model whose draft it is: whoever lets go of it last, it ends on the strand.
struct WorkerSequence {
  std::shared_ptr<WorkerModel> model;
  std::optional<run::Conversation> conversation{};  // empty: it could not be made
  bool is_leaving = false;                          // the host has given it back
  ~WorkerSequence();
  [[nodiscard]] run::ServedModel& served() const noexcept { return *model->model; }
};
[[nodiscard]] std::shared_ptr<WorkerSequence> sequence_of(std::shared_ptr<WorkerModel> model,
                                                          std::shared_ptr<Strand> strand);

class SequenceServer;
using SequenceSet = capnp::CapabilityServerSet<rpc::Sequence>;

class SequenceServer final : public rpc::Sequence::Server {
 public:
  SequenceServer(SequenceSet& all, std::shared_ptr<WorkerSequence> sequence, std::shared_ptr<Strand> strand)
      : all_(all), sequence_(std::move(sequence)), strand_(std::move(strand)) {}
  ~SequenceServer() noexcept(false);

  kj::Promise<void> append(AppendContext context) override;
  kj::Promise<void> replace(ReplaceContext context) override;
  kj::Promise<void> rewind(RewindContext context) override;
  kj::Promise<void> refresh(RefreshContext context) override;
  kj::Promise<void> copyFrom(CopyFromContext context) override;
  kj::Promise<void> save(SaveContext context) override;
  kj::Promise<void> sizeWhenSaved(SizeWhenSavedContext context) override;
  kj::Promise<void> generate(GenerateContext context) override;
  kj::Promise<void> setScales(SetScalesContext context) override;
  kj::Promise<void> setWeight(SetWeightContext context) override;

  [[nodiscard]] const std::shared_ptr<WorkerSequence>& sequence() const noexcept { return sequence_; }

 private:
  SequenceSet& all_;
  std::shared_ptr<WorkerSequence> sequence_;
  std::shared_ptr<Strand> strand_;
};

class ModelServer final : public rpc::Model::Server {
 public:
  ModelServer(SequenceSet& sequences, std::shared_ptr<WorkerModel> model)
      : sequences_(sequences), model_(std::move(model)) {}

  kj::Promise<void> create(CreateContext context) override;
  kj::Promise<void> restore(RestoreContext context) override;
  kj::Promise<void> embed(EmbedContext context) override;
  kj::Promise<void> rank(RankContext context) override;
  kj::Promise<void> close(CloseContext context) override;

 private:
  [[nodiscard]] std::shared_ptr<WorkerModel> model() const;
  SequenceSet& sequences_;
  std::shared_ptr<WorkerModel> model_;  // null: closed
  Strand strand_;
};

void write(rpc::State::Builder to, const run::Conversation& conversation);
void write(rpc::Counts::Builder to, const run::ServedModel& model);

}  // namespace plimsoll::worker
