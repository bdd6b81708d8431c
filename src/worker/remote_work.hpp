// RemoteWork: an answer that is made in another process. Where that dies, the answer goes on in the next one, behind
// the last token that has come; who reads it sees a pause.
#pragma once
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "remote_sequence.hpp"
#include "run/generation_work.hpp"
#include "under_way.hpp"
#include "worker/messages.hpp"

namespace plimsoll::worker {

class RemoteWork;

// Pieces that may be on their way or unread. A round trip for each token would be the pace of a fast model.
inline constexpr std::size_t kLeastWindow = 16;

// For the supervisor of the process: an answer that goes on in a new life. A suspect is past the place where the life
// before ended once it has told more than was told by then, and a window more.
class WorkLink final : public UnderWay {
 public:
  void process_is_back(const std::shared_ptr<OpenModel>& open) override;
  void note_death(const Life& life, bool by_itself) override;
  void fail(const Error& why) override;
  [[nodiscard]] bool is_waited_for() override;
  [[nodiscard]] bool is_suspect() const noexcept override { return deaths_ > 0; }

 private:
  friend class RemoteWork;
  std::mutex mutex_;                     // held while it begins in some life: nobody who waits for a life takes it
  RemoteWork* work_ = nullptr;           // null: it is over
  std::atomic<std::size_t> deaths_ = 0;  // that it has seen, of those that lives brought about themselves
  std::size_t told_before_ = 0;          // tokens, when the last one came
  bool is_on_trial_ = false;
};

class RemoteWork final : public run::GenerationWork {
 public:
  // Throws Error{unsupported} where what is asked for needs the context here.
  RemoteWork(RemoteSequence& sequence, run::GenerationParams params);
  ~RemoteWork() override;

  [[nodiscard]] std::uint32_t seed() const override { return params_.sampling.seed; }
  [[nodiscard]] std::string stop_string() const override;
  [[nodiscard]] std::string end(const std::vector<engine::Token>& read) override;

 private:
  friend class WorkLink;
  struct Begun {  // in one life
    std::shared_ptr<OpenModel> open;
    std::size_t said = 0;                           // tokens of the answer that were there when it was begun
    kj::Maybe<rpc::Generation::Client> generation;  // the loop's thread alone
    void cancel();
  };
  // What the loop's thread delivers to.
  struct Inbound {
    std::mutex mutex;
    std::condition_variable changed;
    RemoteWork* work = nullptr;  // null: nobody listens any more
    std::uint64_t number = 0;    // so often it was begun: what is of an earlier time is late
    std::shared_ptr<Begun> begun;
    std::vector<engine::Token> told;
    std::vector<float> averages;      // behind them
    std::size_t prompt_told = 0;      // tokens of the prompt of which the model's opinion has come
    std::size_t told_twice = 0;       // of those that come now, the first so many had come in an earlier life
    std::size_t pieces = 0;           // of text, since it was begun last
    bool prompt_was_decoded = false;  // told once, whatever the lives
    // What comes before whoever wants to hear of the prompt has heard of it, and is told behind that.
    bool holds_back = false;
    std::vector<run::GenerationOutput> held;
    bool is_over = false;        // its end has come
    std::exception_ptr failure;  // which was one
    std::string stop_string;
    std::mutex calling;  // held while what may wait is called back; taken before the other one
  };
  class ReaderServer;

  void start() override;
  [[nodiscard]] bool stop_for_now() override;
  void start_again(run::HeldSequence& sequence) override;
  void reader_has_come() noexcept override {}
  void has_read() noexcept override;

  void begin_in(const std::shared_ptr<OpenModel>& open, bool is_back);
  [[nodiscard]] static kj::Promise<bool> send(const RemoteWork& work, const std::string& params,
                                              std::shared_ptr<Begun> begun, std::uint64_t number);
  void deliver(rpc::Reader::ToldParams::Reader told);
  void lose(std::exception_ptr failure);
  void tell(run::GenerationOutput output);
  static void call_prompt_decoded(Inbound& inbound);
  void over(std::exception_ptr failure);
  [[nodiscard]] bool is_to_begin();
  void drop_what_was_told(std::vector<run::TokenOpinion>& of_prompt);
  void require_prompt_told() const;
  [[nodiscard]] bool prompt_is_told() const noexcept;  // with the inbound's lock
  void stop_listening();
  [[nodiscard]] std::string leave(std::span<const engine::Token> kept);

  RemoteSequence* sequence_;
  RpcLoop& loop_;
  std::shared_ptr<WorkLink> link_ = std::make_shared<WorkLink>();
  std::shared_ptr<Inbound> inbound_ = std::make_shared<Inbound>();
  bool has_begun_ = false;  // once
  std::size_t window_ = 1;
  std::size_t prompt_size_ = 0;  // of it, what waited at the beginning
  std::size_t noted_ = 0;        // tokens of the answer that the sequence has by itself: what had come before a pause
  struct Cancel {
    RemoteWork* work;
    void operator()() const noexcept;
  };
  std::optional<std::stop_callback<Cancel>> on_stop_;
};

}  // namespace plimsoll::worker
