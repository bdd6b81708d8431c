// GenerationServer: an answer that is made in this process, told to the host as it comes.
#pragma once
#include <memory>

#include "worker/messages.hpp"
#include "worker/strand.hpp"
#include "worker_model.hpp"

namespace plimsoll::worker {

class GenerationServer final : public rpc::Generation::Server {
 public:
  GenerationServer(std::shared_ptr<WorkerSequence> sequence, std::shared_ptr<WorkerSequence> draft,
                   std::shared_ptr<Strand> strand, rpc::Reader::Client reader);
  ~GenerationServer() noexcept(false);

  // Once. The promise is done when the generation is made, or throws what that throws.
  kj::Promise<void> begin(GenerationRequest request);

  kj::Promise<void> read(ReadContext context) override;
  kj::Promise<void> cancel(CancelContext context) override;
  kj::Promise<void> end(EndContext context) override;

 private:
  struct Answer;  // on the strand
  std::shared_ptr<Answer> answer_;
  std::shared_ptr<Strand> strand_;
};

}  // namespace plimsoll::worker
