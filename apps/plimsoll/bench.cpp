// plimsoll bench: tokens per second of a ready model, prompt and generation apart, as llama-bench counts them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "report.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct BenchOptions {
  ModelOptions model;
  std::int32_t prompt = 512;
  std::int32_t generate = 128;
  int repetitions = 5;
  OpeningFlags opening;
};

struct Series {
  std::string test;
  std::vector<double> tokens_per_s;
};

// One generation from an empty context, greedily sampled.
run::GenerationTiming measure(run::Instance& instance, std::int32_t prompt, std::int32_t predict) {
  run::GenerationParams params;
  const auto vocabulary = static_cast<std::size_t>(instance.model()->facts().n_vocab);
  for (std::int32_t i = 0; i < prompt; ++i) {
    params.prompt.push_back(static_cast<engine::Token>((static_cast<std::size_t>(i) * 7919 + 1) % vocabulary));
  }
  params.predict = predict;
  params.ignore_end_of_generation = true;
  params.sampling.temperature = 0;
  params.stop = interrupts();
  run::Generation generation(instance, params);
  while (generation.next()) {
  }
  if (generation.finish_reason() == run::FinishReason::cancelled) throw Error(ErrorCode::cancelled, "interrupted");
  return generation.timing();
}

// The prompt alone; then single tokens after a prompt of one, so that both begin with an empty context as in
// llama-bench.
void repeat(run::Instance& instance, const BenchOptions& options, Series& prompt, Series& generated) {
  const run::GenerationTiming read = measure(instance, options.prompt, 1);
  prompt.tokens_per_s.push_back(read.prompt_tokens * 1000.0 / read.prompt_ms);
  if (options.generate == 0) return;
  const run::GenerationTiming written =
      measure(instance, 1, options.generate + 1);  // the first comes from the prompt's logits
  generated.tokens_per_s.push_back((written.generated_tokens - 1) * 1000.0 / written.generate_ms);
}

void print_table(const std::vector<Series>& all) {
  fmt::print("{:<12} {:>14} {:>14} {:>14}\n", "test", "median t/s", "slowest", "fastest");
  for (const Series& series : all) {
    if (series.tokens_per_s.empty()) continue;
    const auto [slowest, fastest] = std::ranges::minmax(series.tokens_per_s);
    fmt::print("{:<12} {:>14.2f} {:>14.2f} {:>14.2f}\n", series.test, median(series.tokens_per_s), slowest, fastest);
  }
}

Json to_json(const run::Instance& instance, const std::vector<Series>& all) {
  Json tests = Json::array();
  for (const Series& series : all) {
    if (series.tokens_per_s.empty()) continue;
    tests.push_back({{"test", series.test},
                     {"median_tokens_per_s", median(series.tokens_per_s)},
                     {"tokens_per_s", series.tokens_per_s}});
  }
  return {{"schema", "plimsoll.bench/1"}, {"model", instance.name()}, {"tests", tests}};
}

int run(const GlobalOptions& global, const BenchOptions& options) {
  const OpeningOptions opening = opening_options(options.model, options.opening, "bench");
  plan::Request request = requests(options.model, 1).front();
  if (!request.dry_run.context.n_ctx) {  // room for what is measured, and no more
    request.dry_run.context.n_ctx = static_cast<std::uint32_t>(std::max(options.prompt, options.generate + 1) + 1);
  }
  const Opened opened = open(request, planner_options(options.model), opening);
  if (!opened.instance) return report_refusal(opened.plan, global.json);
  std::vector<Series> all{{fmt::format("pp{}", options.prompt), {}}, {fmt::format("tg{}", options.generate), {}}};
  for (int i = 0; i < options.repetitions; ++i) repeat(*opened.instance, options, all[0], all[1]);
  if (global.json) {
    fmt::print("{}\n", to_json(*opened.instance, all).dump(2));
  } else {
    print_table(all);
  }
  return done;
}

}  // namespace

void add_bench(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("bench", "Tokens per second of a ready model, prompt and generation apart");
  auto options = std::make_shared<BenchOptions>();
  add_model_options(*command, options->model);
  add_model_files(*command, options->model);
  command->add_option("-p,--n-prompt", options->prompt, "Tokens of the prompt")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("-n,--n-gen", options->generate, "Tokens to generate")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command->add_option("-r,--repetitions", options->repetitions, "How often each is measured")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--warm-up", options->opening.warm_up, kWarmUpDepths)->capture_default_str();
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
