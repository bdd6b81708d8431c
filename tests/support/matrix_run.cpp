#include "matrix_run.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/log.hpp"
#include "engine/backend.hpp"
#include "tracker/scope.hpp"

#include "cpu_variants.hpp"
#include "driven_context.hpp"
#include "ledger_entries.hpp"
#include "line_worker.hpp"

namespace plimsoll::test {
namespace {

using Json = nlohmann::json;

// A question that has no answer for so long never gets one: its cell is named, and the others go on. The slowest take
// seconds.
constexpr std::chrono::minutes kLongestAnswer{10};
constexpr int kBetweenLooksMs = 10'000;

// The questions of one cell, in the order in which they are asked.
enum class Question { dry_run, load, engine, ready, driven };

std::optional<Outcome>& answer_to(CellResult& result, Question question) {
  switch (question) {
    case Question::dry_run:
      return result.dry_run;
    case Question::load:
      return result.load;
    case Question::ready:
      return result.ready;
    case Question::driven:
      return result.driven;
    case Question::engine:
      break;
  }
  return result.engine;
}

// In the child: the cells of one load, tried by a dry run, then really made.
class GroupRun {
 public:
  GroupRun(std::span<const Cell> cells, std::size_t first, std::span<CellResult> results, const LineWorker::Say& say)
      : cells_(cells), first_(first), results_(results), say_(say) {}

  void run() {
    dry_run_all();
    load_all();
  }

 private:
  template <class Work>
  void ask(std::size_t index, Question question, Work work) {
    std::optional<Outcome>& slot = answer_to(results_[index], question);
    if (slot) return;  // answered by a process that came before
    say_(Json{{"begin", first_ + index}, {"question", question}}.dump());
    Json answer{{"cell", first_ + index}, {"question", question}};
    try {
      work(answer);
    } catch (const Error& error) {
      usage_ = error.code() == ErrorCode::usage;
      answer["refused"] = error.what();
    }
    say_(answer.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  void dry_run_all() {
    std::unique_ptr<dry_run::DryRunner> dry_runner;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      ask(i, Question::dry_run, [&](Json& answer) {
        if (!dry_runner) dry_runner = std::make_unique<dry_run::DryRunner>(cells_[i].model());
        note(answer, *dry_runner, cells_[i], true);
      });
      if (!cells_[i].driven) continue;
      ask(i, Question::ready, [&](Json& answer) {
        if (!dry_runner) dry_runner = std::make_unique<dry_run::DryRunner>(cells_[i].model());
        note(answer, *dry_runner, cells_[i], false);
        results_[i].can_shift = answer["can_shift"];
      });
    }
  }

  static void note(Json& answer, dry_run::DryRunner& dry_runner, const Cell& cell, bool at_creation) {
    const dry_run::DryRun dry_run = dry_runner.dry_run(
        {.model = cell.model(), .context = cell.context, .adapters = {}, .at_creation = at_creation});
    answer["entries"] = to_text(dry_run.entries);
    answer["transient"] = dry_run.transient.value();
    answer["can_shift"] = dry_run.context.can_shift;
  }

  void load_all() {
    Accounting accounting;
    std::shared_ptr<engine::Model> model;
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      usage_ = false;
      ask(i, Question::load, [&](Json& answer) {
        if (!model) model = load_charged(cells_[i].model());
        const auto context = create_charged(model, cells_[i].context);
        answer["entries"] = to_text(accounting.entries());
      });
      if (cells_[i].driven && model) drive_one(i, model, accounting);
      if (!usage_ || !model) continue;
      ask(i, Question::engine, [&](Json& answer) {
        llama_context* context = llama_init_from_model(model->handle(), to_engine(cells_[i].context, model->facts()));
        answer[context == nullptr ? "refused" : "entries"] = context == nullptr ? "the engine answers null" : "";
        if (context != nullptr) llama_free(context);
      });
    }
    model.reset();
    if (const std::string left = to_text(accounting.entries()); !left.empty())
      say_(Json{{"left", left}, {"cell", first_}}.dump());
  }

  void drive_one(std::size_t index, const std::shared_ptr<engine::Model>& model, const Accounting& accounting) {
    ask(index, Question::driven, [&](Json& answer) {
      const auto context = create_charged(model, cells_[index].context);
      if (!results_[index].can_shift) context->forbid_shift();
      const tracker::Scope scope("model", tracker::Phase::decode);
      std::string before = to_text(accounting.entries());
      std::string steps;
      drive(*context, [&](std::string_view step) {
        const std::string now = to_text(accounting.entries());
        if (now == before) return;
        steps += fmt::format("{}:\n{}", step, now);
        before = now;
      });
      answer["entries"] = before;
      answer["steps"] = steps;
    });
  }

  std::span<const Cell> cells_;
  std::size_t first_;
  std::span<CellResult> results_;
  const LineWorker::Say& say_;
  bool usage_ = false;
};

struct Group {
  std::size_t first = 0;
  std::size_t count = 0;
};

std::vector<Group> groups_of(const std::vector<Cell>& cells) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i == 0 || !cells[i].same_load(cells[i - 1])) groups.push_back({.first = i, .count = 0});
    ++groups.back().count;
  }
  return groups;
}

// One child at a time, with every n-th group; where it dies, the question it had begun is answered so, and the next
// child goes on from there.
class Share {
 public:
  Share(const std::vector<Cell>& cells, std::vector<CellResult>& results, std::vector<Group> groups,
        std::string cpu_variant)
      : cells_(cells), results_(results), groups_(std::move(groups)), cpu_variant_(std::move(cpu_variant)) {
    start();
  }

  [[nodiscard]] int file() const { return worker_ ? worker_->readable_file() : -1; }

  void hear() {
    const auto entry = worker_->hear();
    if (entry) {
      take(Json::parse(*entry));
      return;
    }
    const std::string ending = worker_->ending();
    worker_.reset();
    if (ending.empty()) return;
    if (!begun_) throw std::runtime_error("a worker ended outside every cell: " + ending);
    go_on_behind(ending);
  }

  void look_at_the_clock() {
    if (!worker_ || !begun_ || std::chrono::steady_clock::now() - begun_at_ < kLongestAnswer) return;
    worker_.reset();  // ends it
    go_on_behind(fmt::format("no answer for {}", kLongestAnswer));
  }

 private:
  // Of the question that was begun there is no answer.
  void go_on_behind(const std::string& why) {
    answer_to(results_[begun_->first], begun_->second) = Outcome{.kind = Outcome::Kind::died, .text = why};
    begun_.reset();
    start();
  }

  void start() {
    worker_ = std::make_unique<LineWorker>([this](const LineWorker::Say& say) {
      log::set_level(log::Level::off);
      use_cpu_variant(cpu_variant_);
      engine::start_backends();
      for (const Group& group : groups_) {
        GroupRun(std::span(cells_).subspan(group.first, group.count), group.first,
                 std::span(results_).subspan(group.first, group.count), say)
            .run();
      }
    });
  }

  void take(const Json& entry) {
    if (entry.contains("begin")) {
      begun_ = {entry.at("begin").get<std::size_t>(), entry.at("question").get<Question>()};
      begun_at_ = std::chrono::steady_clock::now();
      return;
    }
    CellResult& result = results_.at(entry.at("cell").get<std::size_t>());
    if (entry.contains("left")) {
      result.left_behind = entry.at("left");
      return;
    }
    const bool refused = entry.contains("refused");
    answer_to(result, entry.at("question").get<Question>()) =
        Outcome{.kind = refused ? Outcome::Kind::refused : Outcome::Kind::entries,
                .text = entry.at(refused ? "refused" : "entries")};
    result.can_shift = entry.value("can_shift", result.can_shift);
    result.steps += entry.value("steps", "");
    result.transient = std::max(result.transient, entry.value("transient", std::uint64_t{0}));
    begun_.reset();
  }

  const std::vector<Cell>& cells_;
  std::vector<CellResult>& results_;
  std::vector<Group> groups_;
  std::string cpu_variant_;
  std::unique_ptr<LineWorker> worker_;
  std::optional<std::pair<std::size_t, Question>> begun_;
  std::chrono::steady_clock::time_point begun_at_;
};

}  // namespace

std::vector<CellResult> run_matrix(const std::vector<Cell>& cells, std::size_t processes,
                                   const std::string& cpu_variant) {
  std::vector<CellResult> results(cells.size());
  const std::vector<Group> groups = groups_of(cells);
  std::vector<std::unique_ptr<Share>> shares;
  for (std::size_t k = 0; k < processes; ++k) {
    std::vector<Group> mine;
    for (std::size_t i = k; i < groups.size(); i += processes) mine.push_back(groups[i]);
    shares.push_back(std::make_unique<Share>(cells, results, std::move(mine), cpu_variant));
  }
  for (;;) {
    std::vector<pollfd> files;
    for (const auto& share : shares) files.push_back({.fd = share->file(), .events = POLLIN, .revents = 0});
    if (std::ranges::all_of(files, [](const pollfd& file) { return file.fd < 0; })) return results;
    poll(files.data(), files.size(), kBetweenLooksMs);
    for (std::size_t i = 0; i < files.size(); ++i) {
      if ((files[i].revents & (POLLIN | POLLHUP)) != 0)
        shares[i]->hear();
      else
        shares[i]->look_at_the_clock();
    }
  }
}

}  // namespace plimsoll::test
