// UnderWay: what was asked of the process of a model and is not over, as that process's supervisor sees it.
#pragma once
#include <memory>
#include <string>

#include <plimsoll/base/error.hpp>

namespace plimsoll::worker {

struct Life;
struct OpenModel;

// What is over by then is not touched.
class UnderWay {
 public:
  virtual ~UnderWay() = default;
  // It goes on in that life. A suspect is waited for until it is past what may have ended the life before; where this
  // one ends before, WorkerGone is thrown and it is known whose doing that was.
  virtual void process_is_back(const std::shared_ptr<OpenModel>& open) = 0;
  // A life in which it was under way has ended. By itself the second time while this one alone was tried: it is
  // answered with Error{model_crashed}, and not tried again.
  virtual void note_death(const Life& life, bool by_itself) = 0;
  virtual void fail(const Error& why) = 0;
  // Its end has not come. Does not wait: what it is at just now is under way.
  [[nodiscard]] virtual bool is_waited_for() = 0;
  [[nodiscard]] virtual bool is_suspect() const noexcept = 0;  // it has seen a death that a life brought about itself
};

// What it is answered with then.
[[nodiscard]] Error ended_its_process_twice(const std::string& model);

}  // namespace plimsoll::worker
