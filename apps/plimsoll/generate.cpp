// plimsoll generate: one model, one prompt, text out, and with --report the proof of where every byte went.
#include <fmt/format.h>

#include <fstream>
#include <memory>

#include <plimsoll/base/clock.hpp>
#include <plimsoll/base/error.hpp>
#include <plimsoll/base/whole_file.hpp>
#include <plimsoll/gauge/survey_process.hpp>
#include <plimsoll/host/host.hpp>

#include "commands.hpp"
#include "exit_status.hpp"
#include "fleet_options.hpp"
#include "interrupt.hpp"
#include "report.hpp"
#include "texts.hpp"

namespace plimsoll::app {
namespace {

constexpr int kSteadyRuns = 5;
constexpr const char* kDemoPrompt = "Day 12.";

struct GenerateOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string prompt;
  std::string prompt_file;
  std::string tokens;
  std::int32_t predict = run::kDefaultPredict;
  std::vector<std::string> stop_strings;
  bool ignore_eos = false;
  std::string report;
  std::string fleet;
  std::string warm_up = "full";
  bool fit = false;
  bool progress = false;
};

std::string prompt_text(const GenerateOptions& options) {
  if (options.prompt_file.empty()) return options.prompt;
  std::ifstream file(options.prompt_file, std::ios::binary);
  if (!file) throw Error(ErrorCode::usage, fmt::format("the prompt file '{}' cannot be read", options.prompt_file));
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<engine::Token> prompt_tokens(const engine::Model& model, const GenerateOptions& options) {
  if (!options.tokens.empty()) return token_list(options.tokens);
  std::string text = prompt_text(options);
  if (text.empty() && options.model.models.empty()) text = kDemoPrompt;
  return run::tokenize_prompt(model, text);
}

// One run of the request. `show` receives the pieces as they come.
template <class Source, class Show>
RequestFigures run_once(Source& source, const run::GenerationParams& params, run::FinishReason& reason, Show&& show) {
  const Stopwatch watch;
  run::Generation generation(source, params);  // of an instance, or on a conversation
  for (const std::string& piece : run::pieces(generation)) show(piece);
  reason = generation.finish_reason();
  return {.ms = watch.elapsed_ms(), .timing = generation.timing()};
}

void print_result(const std::string& text, run::FinishReason reason, const RequestFigures& figures) {
  const nlohmann::ordered_json json{{"schema", "plimsoll.generation/1"},
                                    {"text", text},
                                    {"finish_reason", to_string(reason)},
                                    {"prompt_tokens", figures.timing.prompt_tokens},
                                    {"generated_tokens", figures.timing.generated_tokens},
                                    {"ms", figures.ms}};
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

run::GenerationParams generation_params(const GenerateOptions& options) {
  run::GenerationParams params;
  params.sampling = sampling(options.sampling);
  params.predict = options.predict;
  params.stop_strings = options.stop_strings;
  params.ignore_end_of_generation = options.ignore_eos;
  params.overflow.strategy = run::ContextOverflow::stop;
  return params;
}

// The text as it comes, or kept for the JSON object.
auto shown_or_kept(bool json, std::string& text) {
  return [json, &text](const std::string& piece) {
    if (json) {
      text += piece;
    } else {
      fmt::print("{}", piece);
      std::fflush(stdout);
    }
  };
}

int end_of(run::FinishReason reason, const RequestFigures& figures) {
  if (reason != run::FinishReason::cancelled) return done;
  fmt::print(stderr, "plimsoll: interrupted after {} tokens\n", figures.timing.generated_tokens);
  return interrupted;
}

// --model names one of the fleet's; without it the first.
int run_on_fleet(const GlobalOptions& global, const GenerateOptions& options) {
  if (!options.report.empty())
    throw Error(ErrorCode::usage, "--report is about one model; it does not go with --fleet");
  if (options.fit) throw Error(ErrorCode::usage, "--fit changes one model; it does not go with --fleet");
  if (options.model.models.size() > 1) throw Error(ErrorCode::usage, "with --fleet, --model names one of its models");
  const host::Fleet fleet = fleet_of(options.fleet, options.model);
  const std::string name =
      options.model.models.empty() ? fleet.models.front().request.name : options.model.models.front();
  gauge::SurveyProcess surveys({program_path(), "survey-worker"});
  plan::Store store;
  run::MemoryBooks books;
  host::Host host(books, fleet, surveys, store);
  host::Lease lease = host.acquire(name, {.stop = interrupts()});

  run::GenerationParams params = generation_params(options);
  params.prompt = prompt_tokens(*lease.instance().model(), options);
  params.stop = interrupts();
  std::string text;
  run::FinishReason reason = run::FinishReason::running;
  const RequestFigures figures = run_once(lease.conversation(), params, reason, shown_or_kept(global.json, text));
  global.json ? print_result(text, reason, figures) : fmt::print("\n");
  return end_of(reason, figures);
}

int run(const GlobalOptions& global, const GenerateOptions& options) {
  if (!options.fleet.empty()) return run_on_fleet(global, options);
  const run::WarmUpDepth warm_up = warm_up_depth(options.warm_up);
  const plan::Request request = requests(options.model, 1).front();
  run::GenerationParams params = generation_params(options);
  const auto check_request = [&](const engine::Model& model) {
    params.prompt = prompt_tokens(model, options);
    const engine::Sampler parses(model, params.sampling);
  };
  const Progress::Style progress = options.progress ? Progress::Style::lines : Progress::Style::automatic;
  const Opened opened = open(request, planner_options(options.model),
                             {.fit = options.fit, .warm_up = warm_up, .progress = progress}, check_request);
  if (!opened.instance) return report_refusal(opened.plan, global.json);
  params.stop = interrupts();

  std::string text;
  run::FinishReason reason = run::FinishReason::running;
  std::vector<RequestFigures> runs;
  runs.push_back(run_once(*opened.instance, params, reason, shown_or_kept(global.json, text)));
  if (!global.json) fmt::print("\n");
  if (!options.report.empty()) {
    run::FinishReason again = reason;
    for (int i = 0; i < kSteadyRuns && again != run::FinishReason::cancelled; ++i) {
      runs.push_back(run_once(*opened.instance, params, again, [](const std::string&) {}));
    }
    write_whole_file(options.report, report_json(opened, runs).dump(2) + "\n");
    if (again == run::FinishReason::cancelled) reason = again;
  }
  if (global.json) print_result(text, reason, runs.front());
  return end_of(reason, runs.front());
}

}  // namespace

void add_generate(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("generate", "Generate text: plan, load, warm up, seal, then answer");
  auto options = std::make_shared<GenerateOptions>();
  add_model_options(*command, options->model);
  add_sampling_options(*command, options->sampling);
  command->add_option("-p,--prompt", options->prompt, "The text to go on with")->envname("PLIMSOLL_PROMPT");
  command->add_option("-f,--file", options->prompt_file, "File with the prompt")->excludes("--prompt");
  command->add_option("--tokens", options->tokens, "The prompt as token ids, like 1,2,3")
      ->excludes("--prompt")
      ->excludes("--file");
  command->add_option("-n,--predict", options->predict, "Tokens to generate at most; -1: until the context is full")
      ->envname("PLIMSOLL_PREDICT")
      ->capture_default_str();
  command->add_option("--stop", options->stop_strings, "Text to stop before; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_flag("--ignore-eos", options->ignore_eos, "Go on past the model's own end");
  command->add_option("--report", options->report, "Write ledger, warm-up, seal and timing there as JSON");
  command->add_option("--warm-up", options->warm_up, "full, quick or none")
      ->envname("PLIMSOLL_WARM_UP")
      ->capture_default_str();
  command->add_option("--fleet", options->fleet, "Fleet file (TOML); --model then names one of its models")
      ->envname("PLIMSOLL_FLEET");
  command->add_flag("--fit", options->fit, "Where it does not fit, use the nearest configuration that does")
      ->envname("PLIMSOLL_FIT");
  command->add_flag("--progress", options->progress,
                    "Say on stderr when a stage is over, also where stderr is no terminal");
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
