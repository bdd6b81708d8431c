// token_overhead: the time of a token that lies outside llama_decode, with a large vocabulary and a body small enough
// that it shows. One JSON object on stdout, milliseconds a token, by way of sampling: `ours`, a generation as it is,
// and `listed`, the same choices from a copy of the logits and a list of the whole vocabulary, in turns with it.
#include <dlfcn.h>
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "run/generation.hpp"
#include "run/open.hpp"

#include "tiny_gguf.hpp"

namespace {

double ms_in_decode = 0;

}  // namespace

// In front of libllama's: what is measured is the rest.
extern "C" std::int32_t llama_decode(llama_context* context, llama_batch batch) {
  static const auto kReal = reinterpret_cast<decltype(&llama_decode)>(dlsym(RTLD_NEXT, "llama_decode"));
  const plimsoll::Stopwatch watch;
  const std::int32_t status = kReal(context, batch);
  ms_in_decode += watch.elapsed_ms();
  return status;
}

namespace {

using namespace plimsoll;
using Json = nlohmann::ordered_json;

struct Options {
  std::string folder = ".";
  std::uint32_t words = 128'256;
  std::int32_t tokens = 100;
  int rounds = 15;
};

const std::vector<engine::Token> kPrompt{1, 270, 271, 272};

std::map<std::string, engine::SamplingParams> ways() {
  engine::SamplingParams greedy{.seed = 1, .temperature = 0};
  engine::SamplingParams defaults{.seed = 1};  // top-k 40, top-p 0.95, min-p 0.05, temperature 0.8
  engine::SamplingParams penalties = defaults;
  penalties.penalty_repeat = 1.1F;
  penalties.penalty_presence = 0.1F;
  engine::SamplingParams grammar = greedy;
  grammar.grammar = "root ::= [^x]*";
  return {{"greedy", greedy}, {"top_k", defaults}, {"penalties", penalties}, {"grammar", grammar}};
}

struct Taken {
  double ms = 0;  // a token
  std::vector<engine::Token> tokens;
};

Taken ours(run::Instance& instance, const engine::SamplingParams& params, const Options& options) {
  run::Generation generation(
      instance, {.prompt = kPrompt, .predict = options.tokens, .sampling = params, .ignore_end_of_generation = true});
  (void)generation.next();  // the prompt
  ms_in_decode = 0;
  const Stopwatch watch;
  while (generation.next()) {
  }
  return {.ms = (watch.elapsed_ms() - ms_in_decode) / (options.tokens - 1), .tokens = generation.tokens()};
}

// As every choice would be made without looking at what it needs.
Taken listed(run::Instance& instance, const engine::SamplingParams& params, const Options& options) {
  run::BatchedExecutor executor(instance);
  run::Conversation conversation = executor.create();
  engine::SamplerChain chain = engine::make_chain(*instance.model(), params);
  for (const engine::Token token : kPrompt) chain.accept(token, false);
  conversation.prompt(kPrompt);
  std::vector<llama_token_data> list;
  Taken taken;
  Stopwatch watch;
  for (std::int32_t i = 0; i < options.tokens; ++i) {
    if (conversation.infer() != engine::DecodeStatus::ok) throw Error(ErrorCode::engine_failed, "decoding failed");
    const std::span<const float> logits = conversation.logits();
    list.resize(logits.size());
    for (std::size_t id = 0; id < logits.size(); ++id)
      list[id] = {.id = static_cast<engine::Token>(id), .logit = logits[id], .p = 0};
    llama_token_data_array array{.data = list.data(), .size = list.size(), .selected = -1, .sorted = false};
    chain.begin_choice(static_cast<std::uint64_t>(i));
    chain.apply(array);
    taken.tokens.push_back(array.data[array.selected].id);
    chain.accept(taken.tokens.back(), true);
    conversation.prompt(taken.tokens.back());
    if (i == 0) {
      watch = {};
      ms_in_decode = 0;
    }
  }
  taken.ms = (watch.elapsed_ms() - ms_in_decode) / (options.tokens - 1);
  return taken;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

Json measured(run::Instance& instance, const std::string& name, const engine::SamplingParams& params,
              const Options& options) {
  std::vector<double> with;
  std::vector<double> without;
  bool same = true;
  for (int round = 0; round < options.rounds; ++round) {
    const Taken first = ours(instance, params, options);
    with.push_back(first.ms);
    if (!params.grammar.empty()) continue;  // the plain way of it is the whole vocabulary through the grammar
    const Taken second = listed(instance, params, options);
    without.push_back(second.ms);
    same = same && first.tokens == second.tokens;
  }
  Json out{{"way", name}, {"ours_ms", median(with)}, {"same_tokens", same}};
  if (!without.empty()) out["listed_ms"] = median(without);
  return out;
}

int run_all(const Options& options) {
  const std::string path = options.folder + "/words.gguf";
  std::ofstream(path, std::ios::binary) << test::tiny_llama_of_words(options.words).bytes();
  run::MemoryAccounting accounting;
  run::OpenOptions open;
  open.model.devices = {"none"};
  open.context.n_ctx = 512;
  open.warm_up.depth = run::WarmUpDepth::quick;
  const auto instance = run::open(accounting, path, open);
  Json out{{"words", instance->model()->facts().n_vocab}, {"tokens", options.tokens}, {"ways", Json::array()}};
  for (const auto& [name, params] : ways()) out["ways"].push_back(measured(*instance, name, params, options));
  fmt::print("{}\n", out.dump(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"The time of a token outside llama_decode"};
  app.add_option("--folder", options.folder, "where the model is written");
  app.add_option("--words", options.words, "of the vocabulary");
  app.add_option("--tokens", options.tokens, "of a generation")->check(CLI::Range(2, 400));
  app.add_option("--rounds", options.rounds, "the median of which is told")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);
  try {
    return run_all(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "token_overhead: {}\n", error.what());
    return 1;
  }
}
