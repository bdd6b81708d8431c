#include "remote_sequence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>

#include "remote_call.hpp"
#include "remote_work.hpp"
#include "snapshots.hpp"
#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

RemoteSequence::State state_of(rpc::State::Reader from) {
  return {.waiting = from.getWaiting(), .has_logits = from.getHasLogits()};
}

}  // namespace

// Of one life of the process.
struct RemoteSequence::There {
  std::shared_ptr<OpenModel> open;
  kj::Maybe<rpc::Sequence::Client> sequence;  // the loop's thread alone
};

RemoteSequence::RemoteSequence(RemoteModel& model) : model_(model) { ++model_.sequences_; }

RemoteSequence::~RemoteSequence() {
  leave_life();
  --model_.sequences_;
}

RemoteSequence::State RemoteSequence::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void RemoteSequence::set(State state) const {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

std::shared_ptr<RemoteSequence::There> RemoteSequence::there() const {
  const std::lock_guard lock(mutex_);
  return there_;
}

// What was there before is given back on the loop's thread.
void RemoteSequence::put(std::shared_ptr<There> there, State state) const {
  {
    const std::lock_guard lock(mutex_);
    state_ = state;
    std::swap(there_, there);
  }
  if (there) model_.loop().post([before = std::move(there)] { before->sequence = nullptr; });
}

void RemoteSequence::leave_life() noexcept { put(nullptr, {}); }

// In the process it is made with its first tokens: that is one call less before an answer.
std::unique_ptr<RemoteSequence> RemoteSequence::create(RemoteModel& model) {
  std::unique_ptr<RemoteSequence> made(new RemoteSequence(model));
  if (model.sequences_ > model.context_facts().n_seq_max)
    throw Error(ErrorCode::busy,
                fmt::format("all {} sequences of '{}' are taken", model.context_facts().n_seq_max, model.name()));
  return made;
}

std::unique_ptr<RemoteSequence> RemoteSequence::load(RemoteModel& model, const run::SequenceSnapshot& snapshot) {
  std::unique_ptr<RemoteSequence> made(new RemoteSequence(model));
  auto packed = std::make_shared<PackedSnapshot>(pack(snapshot));
  auto there = model.loop().shared<There>();
  there->open = model.open();
  try {
    const State state = as_ours([&] {
      return model.loop().run([&]() -> kj::Promise<State> {
        KJ_IF_MAYBE (client, there->open->model) {
          auto call = client->restoreRequest();
          write(call.initSnapshot(), kj::mv(*packed));
          call.setWeight(made->weight_);
          return model.in_time<State>(*there->open, call.send().then([there](auto&& done) {
            there->sequence = done.getSequence();
            return state_of(done.getState());
          }));
        }
        return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
      });
    });
    made->put(std::move(there), state);
  } catch (const WorkerGone&) {  // its tokens are decoded again in the next life
    if (!snapshot.is_text())
      throw Error(ErrorCode::unsupported, "the process of the model has died, and pictures cannot be decoded again");
  }
  made->tokens_ = snapshot.tokens;
  made->scales_ = snapshot.adapter_scales;
  return made;
}

// With tokens that wait to be decoded.
bool RemoteSequence::be_there_in(const std::shared_ptr<OpenModel>& open, std::span<const engine::Token> tokens) const {
  if (const auto here = this->there(); here && here->open == open) return false;
  auto there = model_.loop().shared<There>();
  there->open = open;
  const State state = as_ours([&] {
    return model_.loop().run([&]() -> kj::Promise<State> {
      KJ_IF_MAYBE (client, open->model) {
        auto call = client->createRequest();
        write_list(call.initTokens(static_cast<capnp::uint>(tokens.size())), tokens);
        write_list(call.initScales(static_cast<capnp::uint>(scales_.size())), scales_);
        call.setWeight(weight_);
        return model_.in_time<State>(*open, call.send().then([there](auto&& made) {
          there->sequence = made.getSequence();
          return state_of(made.getState());
        }));
      }
      return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
    });
  });
  put(std::move(there), state);
  return true;
}

void RemoteSequence::be_there() const {
  (void)in_some_life(model_, [&](const std::shared_ptr<OpenModel>& open) { return be_there_in(open, tokens_); });
}

rpc::Sequence::Client RemoteSequence::client() const {
  if (const auto here = there()) {
    KJ_IF_MAYBE (sequence, here->sequence) return *sequence;
  }
  kj::throwFatalException(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__));
}

// What `ask` gives of the sequence in the life of now; asked again in the next one where that ends meanwhile.
template <class Ask>
auto RemoteSequence::ask(Ask&& ask) const {
  return in_some_life(model_, [&](const std::shared_ptr<OpenModel>& open) {
    (void)be_there_in(open, tokens_);
    return as_ours([&] {
      return model_.loop().run([&] {
        rpc::Sequence::Client sequence = client();
        return model_.in_time(*open, ask(sequence));
      });
    });
  });
}

void RemoteSequence::append(std::span<const engine::Token> tokens) {
  set(ask([&](rpc::Sequence::Client& sequence) {
    auto call = sequence.appendRequest();
    write_list(call.initTokens(static_cast<capnp::uint>(tokens.size())), tokens);
    return call.send().then([](auto&& done) { return state_of(done.getState()); });
  }));
  tokens_.append_range(tokens);
}

std::size_t RemoteSequence::replace(std::span<const engine::Token> tokens) {
  if (!there()) {
    std::vector<engine::Token> before(tokens.begin(), tokens.end());
    tokens_.swap(before);
    try {
      be_there();
    } catch (...) {
      tokens_.swap(before);
      throw;
    }
    return 0;
  }
  const auto [state, in_memory] = ask([&](rpc::Sequence::Client& sequence) {
    auto call = sequence.replaceRequest();
    write_list(call.initTokens(static_cast<capnp::uint>(tokens.size())), tokens);
    return call.send().then(
        [](auto&& done) { return std::pair(state_of(done.getState()), static_cast<std::size_t>(done.getInMemory())); });
  });
  set(state);
  tokens_.assign(tokens.begin(), tokens.end());
  return in_memory;
}

// Where the two are not in one life the tokens alone are copied, and decoded again. An answer that is under way in the
// process is ahead of what is known here: that is no part of the copy.
void RemoteSequence::copy_from(const run::HeldSequence& of_other, std::size_t most) {
  const auto* other = dynamic_cast<const RemoteSequence*>(&of_other);
  if (other == nullptr || &other->model_ != &model_)
    throw Error(ErrorCode::usage, "a conversation of another executor cannot be copied");
  if (other == this) return;
  most = std::min(most, other->tokens_.size());
  if (!becomes_copy(*other, most)) (void)replace(std::span(other->tokens_).first(most));
}

bool RemoteSequence::becomes_copy(const RemoteSequence& other, std::size_t most) {
  be_there();
  const auto here = there();
  const auto of_other = other.there();
  if (!of_other || of_other->open != here->open) return false;
  try {
    auto [state, tokens] = as_ours([&] {
      return model_.loop().run([&] {
        auto call = client().copyFromRequest();
        call.setOther(other.client());
        call.setMost(most);
        return model_.in_time(*here->open, call.send().then([](auto&& done) {
          return std::pair(state_of(done.getState()), tokens_of(done.getTokens()));
        }));
      });
    });
    set(state);
    tokens_ = std::move(tokens);
    scales_ = other.scales_;
    return true;
  } catch (const WorkerGone&) {
    return false;
  }
}

void RemoteSequence::rewind(std::size_t n) {
  if (n > tokens_.size())
    throw Error(ErrorCode::usage, fmt::format("{} tokens cannot be taken back of {}", n, tokens_.size()));
  set(ask([&](rpc::Sequence::Client& sequence) {
    auto call = sequence.rewindRequest();
    call.setCount(n);
    return call.send().then([](auto&& done) { return state_of(done.getState()); });
  }));
  tokens_.resize(tokens_.size() - n);
}

void RemoteSequence::refresh() {
  set(ask([&](rpc::Sequence::Client& sequence) {
    return sequence.refreshRequest().send().then([](auto&& done) { return state_of(done.getState()); });
  }));
}

void RemoteSequence::clear() { rewind(tokens_.size()); }

void RemoteSequence::set_adapter_scales(std::span<const float> scales) {
  if (const std::size_t planned = model_.plan().request.adapters.size(); !scales.empty() && scales.size() != planned)
    throw Error(ErrorCode::usage, fmt::format("{} scales for {} adapters", scales.size(), planned));
  if (!there()) return scales_.assign(scales.begin(), scales.end());  // it is made with them
  set(ask([&](rpc::Sequence::Client& sequence) {
    auto call = sequence.setScalesRequest();
    write_list(call.initScales(static_cast<capnp::uint>(scales.size())), scales);
    return call.send().then([](auto&& done) { return state_of(done.getState()); });
  }));
  scales_.assign(scales.begin(), scales.end());
}

void RemoteSequence::set_weight(double weight) {
  if (std::exchange(weight_, weight) == weight || !there()) return;
  (void)ask([&](rpc::Sequence::Client& sequence) {
    auto call = sequence.setWeightRequest();
    call.setWeight(weight);
    return call.send().then([](auto&&) { return true; });
  });
}

// Where its memory has gone with the process, its tokens are all there is: nobody waits for the next life to save that.
run::SequenceSnapshot RemoteSequence::tokens_alone() const {
  run::SequenceSnapshot out;
  out.fingerprint = fingerprint();
  out.tokens = tokens_;
  for (std::size_t i = 0; i < tokens_.size(); ++i) out.positions.push_back(static_cast<engine::Position>(i));
  out.adapter_scales = scales_;
  return out;
}

run::SequenceSnapshot RemoteSequence::save() const {
  using Packed = std::shared_ptr<PackedSnapshot>;
  const auto here = there();
  if (!here) return tokens_alone();
  try {
    const Packed packed = as_ours([&] {
      return model_.loop().run([&] {
        return model_.in_time<Packed>(*here->open, client().saveRequest().send().then([](auto&& done) {
          return received(done.getSnapshot()).then([](PackedSnapshot&& one) {
            return std::make_shared<PackedSnapshot>(kj::mv(one));
          });
        }));
      });
    });
    return unpack(kj::mv(*packed));
  } catch (const WorkerGone&) {
    return tokens_alone();
  }
}

Bytes RemoteSequence::size_when_saved() const {
  const auto here = there();
  if (!here) return {};
  try {
    return Bytes{as_ours([&] {
      return model_.loop().run([&] {
        return model_.in_time<std::uint64_t>(*here->open, client().sizeWhenSavedRequest().send().then([](auto&& done) {
          return std::uint64_t{done.getSize()};
        }));
      });
    })};
  } catch (const WorkerGone&) {
    return {};
  }
}

std::size_t RemoteSequence::note_answer(std::size_t noted, std::span<const engine::Token> said, State state) {
  const std::size_t before = tokens_.size() - noted;
  tokens_.resize(before + std::min(noted, said.size()));
  tokens_.append_range(said.subspan(std::min(noted, said.size())));
  tokens_.resize(std::min<std::size_t>(tokens_.size(), context_facts().n_ctx_seq));
  set(state);
  return tokens_.size() - before;
}

void RemoteSequence::note_tokens(std::vector<engine::Token> tokens, State state) {
  tokens_ = std::move(tokens);
  set(state);
}

std::unique_ptr<run::GenerationWork> RemoteSequence::work(run::Conversation&, run::GenerationParams params) {
  return std::make_unique<RemoteWork>(*this, std::move(params));
}

}  // namespace plimsoll::worker
