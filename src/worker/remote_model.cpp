#include "worker/remote_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"

#include "cache_reclaimer.hpp"
#include "load_watch.hpp"
#include "remote_call.hpp"
#include "remote_sequence.hpp"
#include "under_way.hpp"
#include "worker/rpc_errors.hpp"

namespace plimsoll::worker {
namespace {

// Another process that does not answer is ended.
constexpr kj::Duration kMostToClose = 30 * kj::SECONDS;

// Loading cannot be broken off but with the process that does it.
struct EndProcess {
  WorkerProcess* process;
  void operator()() const noexcept { (void)process->kill(); }
};

}  // namespace

RemoteModel::RemoteModel(RpcLoop& loop, WorkerProcess& process, OpenRequest request,
                         std::shared_ptr<engine::Model> vocabulary)
    : loop_(loop),
      process_(process),
      request_(std::move(request)),
      vocabulary_(std::move(vocabulary)),
      room_(std::make_shared<CacheReclaimer>(loop)) {}

void RemoteModel::load(const std::stop_token& stop, bool is_alone) {
  const std::shared_ptr<Life> life = process_.life(stop);
  if (stop.stop_requested()) throw_stopped();
  try {
    std::optional<std::stop_callback<EndProcess>> ends;
    if (is_alone) ends.emplace(stop, EndProcess{.process = &process_});
    auto [open, opened] = open_in(life);
    const std::lock_guard lock(mutex_);
    if (life->is_over) throw WorkerGone();  // a later one knows nothing of it
    open_ = std::move(open);
    opened_ = std::move(opened);
  } catch (const WorkerGone&) {
    const std::string words = process_.last_words_of(life);
    if (stop.stop_requested()) throw_stopped();
    throw Error(ErrorCode::model_unusable, fmt::format("the process that loaded '{}' {}", name(), words));
  }
}

void RemoteModel::throw_stopped() const {
  throw Error(ErrorCode::cancelled, fmt::format("the load of '{}' was stopped", name()));
}

RemoteModel::~RemoteModel() {
  room_->set({});
  const bool others_stay = !leave_ || leave_(this);
  const std::shared_ptr<OpenModel> open = std::exchange(open_, nullptr);
  if (!open || !others_stay) return;
  try {
    as_ours([&] {
      (void)loop_.run([&]() -> kj::Promise<bool> {
        KJ_IF_MAYBE (model, open->model) {
          auto closing = model->closeRequest().send().then([](auto&&) { return true; });
          open->model = nullptr;
          return loop_.timer().timeoutAfter(kMostToClose, kj::mv(closing));
        }
        return true;
      });
    });
  } catch (const std::exception& error) {
    log::debug("worker", "'{}' could not be closed: {}", name(), error.what());
    if (!open->life->is_over) (void)process_.kill();  // what it holds is given back by its end
  }
}

std::pair<std::shared_ptr<OpenModel>, Opened> RemoteModel::open_in(
    const std::shared_ptr<Life>& life, std::optional<std::chrono::milliseconds> most_silence) {
  auto open = loop_.shared<OpenModel>();
  open->life = life;
  const std::string text = to_text(request_);
  const std::string facts = as_ours([&] {
    return loop_.run([&]() -> kj::Promise<std::string> {
      KJ_IF_MAYBE (worker, life->worker) {
        auto call = worker->openRequest();
        call.setRequest(text.c_str());
        const auto watch = std::make_shared<LoadWatch>(loop_.timer(), life->process.pid(),
                                                       most_silence.value_or(process_.most_silence_at_first()));
        call.setHost(CacheReclaimer::asked_by_process(room_, [watch] { watch->goes_on(); }));
        auto opening = call.send().then([open](capnp::Response<rpc::Worker::OpenResults>&& done) {
          open->model = done.getModel();
          return std::string(done.getFacts().cStr());
        });
        if (most_silence) return opening.exclusiveJoin(watch->silence<std::string>());
        return opening.exclusiveJoin(watch->silence<std::string>().then(
            [](std::string&& never) -> kj::Promise<std::string> { return kj::mv(never); },
            [this, life](kj::Exception&&) -> kj::Promise<std::string> {
              process_.end_what_hangs(*life, process_.most_silence_at_first());
              return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
            }));
      }
      return kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__);
    });
  });
  return {std::move(open), opened_from(facts)};
}

std::shared_ptr<OpenModel> RemoteModel::open() {
  for (;;) {
    const std::shared_ptr<Life> life = process_.life();
    const std::lock_guard lock(mutex_);
    if (open_ && open_->life == life) return open_;
  }
}

std::shared_ptr<OpenModel> RemoteModel::open_at_once() {
  const std::shared_ptr<Life> life = process_.life_at_once();
  const std::lock_guard lock(mutex_);
  return life && open_ && open_->life == life ? open_ : nullptr;
}

std::shared_ptr<OpenModel> RemoteModel::open_in_life_of(const OpenModel& other) {
  const std::lock_guard lock(mutex_);
  if (!open_ || open_->life != other.life) throw WorkerGone();
  return open_;
}

// No stage of a load takes longer than all of the first one did, but where the machine has other work by now.
std::chrono::milliseconds RemoteModel::most_silence() const {
  constexpr double kSlower = 2;
  const std::chrono::duration<double, std::milli> first(kSlower * (opened_.load_ms + opened_.warm_up_ms));
  return std::max(process_.most_silence(), std::chrono::ceil<std::chrono::milliseconds>(first));
}

void RemoteModel::load_again(const std::shared_ptr<Life>& life) {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;  // who loads it waits for this life, or has heard that the one before is over
  }
  // What became of it is as it was: of the same file.
  std::shared_ptr<OpenModel> open = open_in(life, most_silence()).first;
  const std::lock_guard lock(mutex_);
  computed_before_ += computed_.exchange(0);
  generated_before_ += generated_.exchange(0);
  open_ = std::move(open);
}

std::vector<std::shared_ptr<UnderWay>> RemoteModel::at_work() {
  std::vector<std::shared_ptr<UnderWay>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& weak : at_work_) {
    if (auto link = weak.lock()) out.push_back(std::move(link));
  }
  return out;
}

void RemoteModel::note_death(const Life& life, bool by_itself) {
  for (const auto& link : at_work()) link->note_death(life, by_itself);
}

void RemoteModel::go_on(bool suspects) {
  std::shared_ptr<OpenModel> open;
  {
    const std::lock_guard lock(mutex_);
    open = open_;
  }
  for (const auto& link : at_work()) {
    if (link->is_suspect() == suspects) link->process_is_back(open);
  }
}

void RemoteModel::fail_all(const Error& why) {
  for (const auto& link : at_work()) link->fail(why);
}

bool RemoteModel::is_waited_for() {
  return std::ranges::any_of(at_work(), [](const auto& link) { return link->is_waited_for(); });
}

void RemoteModel::add(const std::shared_ptr<UnderWay>& work) {
  const std::lock_guard lock(mutex_);
  std::erase_if(at_work_, [&](const auto& one) { return one.expired() || one.lock() == work; });
  at_work_.push_back(work);
}

void RemoteModel::note(rpc::Counts::Reader counts) noexcept {
  computed_ = counts.getComputed();
  generated_ = counts.getGenerated();
  cells_ = counts.getCells();
  after_seal_ = counts.getAfterSeal();
  refused_ = counts.getRefused();
  if (counts.getHasFailed()) engine_failed_ = true;
}

bool RemoteModel::has_failed() const noexcept { return engine_failed_ || process_.has_failed(); }

memory::SealCounts RemoteModel::seal_counts() const {
  return {.allocations_after_seal = after_seal_, .refused_after_seal = refused_};
}

run::Conversation RemoteModel::create() { return run::Conversation(RemoteSequence::create(*this)); }

run::Conversation RemoteModel::load(const run::SequenceSnapshot& snapshot) {
  return run::Conversation(RemoteSequence::load(*this, snapshot));
}

std::size_t RemoteModel::free_sequences() const {
  const std::size_t all = request_.plan.dry_run.context.n_seq_max;
  return all - std::min(all, sequences_.load());
}

void RemoteModel::on_full_cache(std::function<bool()> make_free) { room_->set(std::move(make_free)); }

namespace {

struct Rows {
  std::vector<std::size_t> widths;
  std::vector<std::vector<float>> values;
};

Rows rows_of(capnp::List<rpc::Row>::Reader list) {
  Rows rows;
  for (const auto row : list) {
    rows.widths.push_back(row.getWidth());
    std::vector<float>& values = rows.values.emplace_back();
    for (const float one : row.getValues()) values.push_back(one);
  }
  return rows;
}

void write_inputs(capnp::List<capnp::List<std::int32_t>>::Builder to,
                  std::span<const std::vector<engine::Token>> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    write_list(to.init(static_cast<capnp::uint>(i), static_cast<capnp::uint>(inputs[i].size())), inputs[i]);
}

// Neighbours that have one batch's tokens, so that others get their turn between them as they do in this process.
template <class Params, class Compute>
void in_parts(std::span<const std::vector<engine::Token>> inputs, std::size_t batch, const Params& params,
              Compute&& compute) {
  for (std::size_t first = 0; first < inputs.size();) {
    if (params.stop.stop_requested()) throw Error(ErrorCode::cancelled, "cancelled");
    if (first > 0 && params.between_batches) params.between_batches();
    std::size_t count = 1;
    for (std::size_t tokens = inputs[first].size(); first + count < inputs.size(); ++count) {
      tokens += inputs[first + count].size();
      if (tokens > batch) break;
    }
    compute(inputs.subspan(first, count));
    first += count;
    if (params.progress) params.progress(first, inputs.size());
  }
}

}  // namespace

// One batch, which waits for one of each other model in the process at most.
template <class Ask>
auto RemoteModel::compute(Ask&& ask) {
  return in_some_life(*this, [&](const std::shared_ptr<OpenModel>& open) {
    auto answer = as_ours([&] {
      return loop_.run([&] {
        KJ_IF_MAYBE (model, open->model) return in_time<Rows>(*open, ask(*model));
        kj::throwFatalException(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__, __LINE__));
      });
    });
    open->life->did_its_work = true;
    return answer;
  });
}

std::vector<run::Embedding> RemoteModel::embed(std::span<const std::vector<engine::Token>> inputs,
                                               const run::EmbedParams& params) {
  std::vector<run::Embedding> out;
  in_parts(inputs, context_facts().n_ubatch, params, [&](std::span<const std::vector<engine::Token>> part) {
    Rows rows = compute([&](rpc::Model::Client& model) {
      auto call = model.embedRequest();
      write_inputs(call.initInputs(static_cast<capnp::uint>(part.size())), part);
      call.setNormalise(params.normalisation == run::Normalisation::l2);
      return call.send().then([](auto&& done) { return rows_of(done.getRows()); });
    });
    for (std::size_t i = 0; i < part.size(); ++i)
      out.push_back({.width = rows.widths[i], .tokens = part[i].size(), .values = std::move(rows.values[i])});
  });
  return out;
}

std::vector<run::Ranked> RemoteModel::rank(std::span<const std::vector<engine::Token>> pairs,
                                           const run::RankParams& params) {
  std::vector<run::Ranked> out;
  in_parts(pairs, context_facts().n_ubatch, params, [&](std::span<const std::vector<engine::Token>> part) {
    Rows rows = compute([&](rpc::Model::Client& model) {
      auto call = model.rankRequest();
      write_inputs(call.initInputs(static_cast<capnp::uint>(part.size())), part);
      call.setSigmoid(params.sigmoid);
      return call.send().then([](auto&& done) { return rows_of(done.getRows()); });
    });
    for (std::size_t i = 0; i < part.size(); ++i) {
      run::Ranked& one = out.emplace_back();
      one.document = out.size() - 1;
      one.tokens = part[i].size();
      one.classes = std::move(rows.values[i]);
      one.score = one.classes.front();
    }
  });
  if (params.top_n == 0) return out;
  run::best_first(out);
  out.resize(std::min(params.top_n, out.size()));
  return out;
}

}  // namespace plimsoll::worker
