// executors: what conversations cost on one context. One JSON object on stdout:
// batched    n conversations decoded together against the same ones one after another, tokens per second;
// stateless  a call's own time beside the decodes it makes, and whether it made a context or a buffer.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "run/open.hpp"
#include "tracker/hook.hpp"

namespace {

using namespace plimsoll;
using Json = nlohmann::ordered_json;

struct Options {
  std::string model;
  std::uint32_t conversations = 8;
  std::int32_t tokens = 128;
  std::int32_t threads = 0;
  int calls = 50;
  bool stateless = false;
};

std::unique_ptr<run::Instance> open(run::MemoryAccounting& accounting, const Options& options) {
  run::OpenOptions open;
  open.require_enforcing = true;
  open.model.devices = {"none"};
  open.context.n_seq_max = options.conversations;
  open.context.n_ctx = options.conversations * 512;
  open.context.n_batch = 512;
  open.context.n_threads = options.threads;
  open.warm_up.depth = run::WarmUpDepth::quick;
  return run::open(accounting, options.model, open);
}

engine::Token token(std::int32_t i) { return 5 + i % 90; }

void must_be_ok(engine::DecodeStatus status) {
  if (status != engine::DecodeStatus::ok) throw Error(ErrorCode::engine_failed, std::string(engine::to_string(status)));
}

// `count` conversations at once; the same tokens whatever their number. Milliseconds.
double generate(run::BatchedExecutor& executor, std::uint32_t count, std::int32_t tokens) {
  std::vector<run::Conversation> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(executor.create());
  const Stopwatch watch;
  for (std::int32_t i = 0; i < tokens; ++i) {
    for (run::Conversation& one : all) one.prompt(token(i));
    must_be_ok(executor.infer());
    for (run::Conversation& one : all) (void)one.logits();
  }
  return watch.elapsed_ms();
}

Json batched(run::Instance& instance, const Options& options) {
  run::BatchedExecutor executor(instance);
  double one_by_one = 0;
  for (std::uint32_t i = 0; i < options.conversations; ++i) one_by_one += generate(executor, 1, options.tokens);
  const double together = generate(executor, options.conversations, options.tokens);
  const double all = static_cast<double>(options.conversations) * options.tokens;
  return {{"together_tokens_per_s", all * 1000 / together}, {"one_by_one_tokens_per_s", all * 1000 / one_by_one}};
}

// A request of one token: what the call takes beside the decode of the same prompt and the choice of a token.
Json stateless(run::Instance& instance, const Options& options) {
  run::BatchedExecutor executor(instance);
  const std::vector<engine::Token> prompt = run::tokenize_prompt(*instance.model(), "Day 12.");
  engine::Batch batch;
  batch.add_prompt(prompt, 0, 0);
  const std::uint64_t buffers = hook::counters().allocations;
  std::vector<double> calls;
  std::vector<double> decodes;
  for (int i = 0; i < options.calls; ++i) {
    instance.context().clear();
    Stopwatch watch;
    must_be_ok(instance.decode(batch));
    (void)instance.context().logits(-1);
    decodes.push_back(watch.elapsed_ms());
    instance.context().clear();
    watch = Stopwatch();
    run::Generation generation(
        executor.create(),
        {.prompt = run::tokenize_prompt(*instance.model(), "Day 12."), .predict = 1, .sampling = {.temperature = 0}});
    (void)run::stream(generation);
    calls.push_back(watch.elapsed_ms());
  }
  std::vector<double> own;
  for (std::size_t i = 0; i < calls.size(); ++i) own.push_back(calls[i] - decodes[i]);
  std::ranges::nth_element(own, own.begin() + static_cast<std::ptrdiff_t>(own.size() / 2));
  return {{"calls", options.calls},
          {"median_own_ms", own[own.size() / 2]},
          {"buffers_made", hook::counters().allocations - buffers},
          {"allocations_after_seal", instance.seal_counts().allocations_after_seal}};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"What conversations cost on one context"};
  app.add_option("-m,--model", options.model)->required();
  app.add_option("-t,--threads", options.threads);
  app.add_option("--conversations", options.conversations);
  app.add_option("--tokens", options.tokens);
  app.add_flag("--stateless", options.stateless);
  CLI11_PARSE(app, argc, argv);
  try {
    run::MemoryAccounting accounting;
    const auto instance = open(accounting, options);
    const Json json = options.stateless ? stateless(*instance, options) : batched(*instance, options);
    fmt::print("{}\n", json.dump(2));
  } catch (const std::exception& error) {
    fmt::print(stderr, "executors: {}\n", error.what());
    return 1;
  }
}
