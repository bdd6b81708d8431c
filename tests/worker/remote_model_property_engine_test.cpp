// Whatever is done with conversations, and whenever their process dies: everything is as where nothing dies. What is
// done, and behind how much of it the process dies, follows from a seed; PLIMSOLL_TEST_SEED=N tries another one.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "run/generation.hpp"
#include "run/local_model.hpp"

#include "lone_model.hpp"
#include "small_models.hpp"

namespace plimsoll::worker {
namespace {

using engine::Token;
using run::Conversation;

constexpr std::size_t kClients = 3;
constexpr std::size_t kSteps = 10;       // of each
constexpr std::size_t kDeaths = 5;       // at most, within them
constexpr std::size_t kMostTokens = 60;  // of an answer

// The engine adds up in another order for several tokens at once, and flash attention in 16 bits in the order in which
// tokens lie in the cache. Here each is a micro-batch of its own: what is computed again is what it was.
plan::Request exact_request() {
  plan::Request request = test::demo_request("mate-chat", 2 * kClients);
  request.dry_run.context.n_ubatch = 1;
  request.dry_run.context.flash_attn = engine::FlashAttention::off;
  return request;
}

enum class What { say, leave, pause, stop, rewind, replace, save, copy };

struct Step {
  What what = What::say;
  std::string text{};
  std::int32_t predict = 0;
  std::size_t after = 0;  // pieces; of rewind: tokens
  engine::SamplingParams sampling{};
  std::vector<std::string> stop_strings{};
};

struct Outcome {
  std::string text{};
  std::vector<Token> tokens{};  // of the conversation
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << '"' << outcome.text << "\", " << outcome.tokens.size() << " tokens:";
  for (const Token token : outcome.tokens) *out << ' ' << token;
}

using Dice = std::mt19937;
std::size_t roll(Dice& dice, std::size_t sides) {
  return std::uniform_int_distribution<std::size_t>(0, sides - 1)(dice);
}

engine::SamplingParams some_sampling(Dice& dice) {
  const std::uint32_t seed = 1 + static_cast<std::uint32_t>(roll(dice, 1000));
  switch (roll(dice, 7)) {
    case 0:
      return {.seed = seed, .temperature = 1.3F};
    case 1:
      return {.seed = seed, .penalty_repeat = 1.3F, .penalty_presence = 0.4F, .dry_multiplier = 0.8F};
    case 2:
      return {.seed = seed, .temperature = 1.1F, .mirostat = 2};
    case 3:
      return {.seed = seed, .temperature = 1.2F, .mirostat = 1};
    case 4:
      return {.seed = seed, .temperature = 1.5F, .xtc_probability = 0.5F};
    case 5:
      return {.seed = seed, .temperature = 1.2F, .grammar = "root ::= ([a-z]+ \" \"){20,90}"};
    default:
      return {.temperature = 0};
  }
}

std::vector<Step> some_steps(Dice& dice) {
  static const std::array<const char*, 5> kTexts{"Day 12. The wind is", " We saw", "Who is the captain?",
                                                 " and the sea ", "Day 3. Nothing but"};
  static const std::array<What, 12> kKinds{What::say,    What::say,     What::say,   What::leave,
                                           What::pause,  What::pause,   What::pause, What::stop,
                                           What::rewind, What::replace, What::save,  What::copy};
  std::vector<Step> out;
  for (std::size_t i = 0; i < kSteps; ++i) {
    Step step{.what = i == 0 ? What::say : kKinds[roll(dice, kKinds.size())],
              .text = kTexts[roll(dice, kTexts.size())],
              .predict = static_cast<std::int32_t>(1 + roll(dice, kMostTokens)),
              .after = roll(dice, 12),
              .sampling = some_sampling(dice)};
    if (step.what == What::say && roll(dice, 3) == 0) step.stop_strings = {" the", "ing"};
    out.push_back(std::move(step));
  }
  return out;
}

// One client's conversation. `told` is called behind each piece of text.
class Client {
 public:
  Client(run::ServedModel& model, std::function<void()> told) : model_(model), told_(std::move(told)) {}

  std::vector<Outcome> carry_out(const std::vector<Step>& steps) {
    std::vector<Outcome> out;
    for (const Step& step : steps) {
      Outcome outcome{.text = carry_out(step)};
      outcome.tokens = conversation_.tokens();
      out.push_back(std::move(outcome));
    }
    return out;
  }

 private:
  std::vector<Token> tokens(const Step& step) {
    return model_.vocabulary()->vocab().tokenize(step.text, conversation_.size() == 0, true);
  }

  std::string carry_out(const Step& step) {
    const std::vector<Token> asked = tokens(step);
    const bool is_full = conversation_.room() < asked.size() + kMostTokens + 1;
    switch (step.what) {
      case What::rewind:
        conversation_.rewind(std::min(step.after, conversation_.size() - 1));
        return {};
      case What::replace: {
        std::vector<Token> other = conversation_.tokens();
        other.resize(std::min(other.size(), 2 * step.after));
        other.append_range(asked);
        (void)conversation_.replace(other);
        return {};
      }
      case What::save: {
        const run::SequenceSnapshot saved = conversation_.save();
        conversation_ = saved.decoded > 0 ? model_.load(saved) : fresh(saved.tokens);
        return {};
      }
      case What::copy: {
        Conversation copy = model_.create();
        copy.copy_from(conversation_);
        conversation_ = std::move(copy);
        return {};
      }
      default:
        if (is_full) conversation_.clear();
        return say(step, is_full ? tokens(step) : asked);
    }
  }

  Conversation fresh(const std::vector<Token>& tokens) {
    Conversation out = model_.create();
    out.prompt(tokens);
    return out;
  }

  std::string say(const Step& step, const std::vector<Token>& prompt) {
    std::stop_source stop;
    run::GenerationParams params{.prompt = prompt, .predict = step.predict, .sampling = step.sampling};
    params.stop_strings = step.stop_strings;
    params.ignore_end_of_generation = true;
    params.stop = stop.get_token();
    run::Generation generation(conversation_, std::move(params));
    std::string text;
    for (std::size_t pieces = 1; auto piece = generation.next(); ++pieces) {
      text += *piece;
      told_();
      if (pieces != step.after) continue;
      if (step.what == What::leave) break;
      if (step.what == What::stop) stop.request_stop();
      if (step.what != What::pause) continue;
      generation.pause();
      generation.go_on();
    }
    return text;
  }

  run::ServedModel& model_;
  std::function<void()> told_;
  Conversation conversation_ = model_.create();
};

// Ends the process behind so many pieces of all clients' texts together.
class Killer {
 public:
  Killer(LoneModel& lone, Dice& dice) : lone_(lone) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < kDeaths; ++i)
      deaths_.push_back({.at = at += 20 + roll(dice, 60), .how = roll(dice, 4)});
    deaths_.back().again = true;
  }
  void told() {
    const std::size_t now = ++told_;
    for (const Death& death : deaths_) {
      if (death.at == now) end(death);
    }
  }

 private:
  struct Death {
    std::size_t at = 0;
    std::size_t how = 0;
    bool again = false;  // while it is being made ready after that
  };
  void end(const Death& death) {
    const pid_t pid = lone_.process.pid();
    if (pid == 0) return;
    if (death.how == 0) ::kill(pid, SIGTERM);
    if (death.how == 1) (void)lone_.process.kill();  // and by somebody else as well
    ::kill(pid, SIGKILL);
    if (!death.again) return;
    pid_t next = 0;
    while ((next = lone_.process.pid()) == 0 || next == pid) std::this_thread::yield();
    ::kill(next, SIGKILL);
  }

  LoneModel& lone_;
  std::atomic<std::size_t> told_ = 0;
  std::vector<Death> deaths_;
};

std::vector<std::uint32_t> seeds() {
  if (const char* const one = std::getenv("PLIMSOLL_TEST_SEED")) return {static_cast<std::uint32_t>(std::atoi(one))};
  return {1, 2, 3};
}

TEST(RemoteModelPropertyTest, DeathsChangeNothing) {
  run::MemoryAccounting accounting;
  run::LocalModel local(test::ready(accounting, exact_request()));
  WorkerOptions options = worker_options();
  options.most_deaths = 0;
  LoneModel lone(open_request(exact_request()), options);
  for (const std::uint32_t seed : seeds()) {
    SCOPED_TRACE("PLIMSOLL_TEST_SEED=" + std::to_string(seed));
    Dice dice(seed);
    std::vector<std::vector<Step>> steps;
    std::vector<std::vector<Outcome>> expected;
    for (std::size_t i = 0; i < kClients; ++i) {
      steps.push_back(some_steps(dice));
      expected.push_back(Client(local, [] {}).carry_out(steps.back()));
    }
    Killer killer(lone, dice);
    const int before = lone.deaths;
    std::vector<std::vector<Outcome>> outcomes(kClients);
    {
      std::vector<std::jthread> clients;
      for (std::size_t i = 0; i < kClients; ++i) {
        clients.emplace_back([&, i] {
          try {
            outcomes[i] = Client(lone.model, [&] { killer.told(); }).carry_out(steps[i]);
          } catch (const std::exception& error) {
            outcomes[i] = {{.text = error.what(), .tokens = {}}};
          }
        });
      }
    }
    EXPECT_EQ(outcomes, expected);
    EXPECT_GT(lone.deaths, before);
    EXPECT_EQ(lone.model.free_sequences(), 2 * kClients);
  }
}

}  // namespace
}  // namespace plimsoll::worker
