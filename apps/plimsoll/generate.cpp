// plimsoll generate: one model, one prompt, text out, and with --report the proof of where every byte went.
#include <fmt/format.h>

#include <memory>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "base/whole_file.hpp"
#include "dry_run/dry_run_process.hpp"
#include "host/host.hpp"

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
  DraftOptions draft;
  SamplingOptions sampling;
  std::string prompt;
  bool has_prompt = false;  // it may be an empty one
  std::string prompt_file;
  std::string tokens;
  std::vector<std::string> media;
  std::int32_t predict = run::kDefaultPredict;
  std::vector<std::string> stop_strings;
  bool ignore_eos = false;
  std::string report;
  std::string fleet;
  OpeningFlags opening;
  bool progress = false;
};

// Once, since what is piped in comes once.
void read_prompt(GenerateOptions& options) {
  if (!options.prompt_file.empty())
    options.prompt = read_text(options.prompt_file);
  else if (!options.has_prompt && options.tokens.empty() && stdin_is_given())
    options.prompt = read_text("-");
}

std::vector<engine::Token> prompt_tokens(const engine::Model& model, const GenerateOptions& options) {
  if (!options.tokens.empty()) return token_list(options.tokens);
  std::string text = options.prompt;
  if (text.empty() && !options.model.has("--model")) text = kDemoPrompt;
  return run::tokenize_prompt(model, text);
}

// What is asked, read and checked before anything is computed.
struct Asked {
  run::GenerationParams params;  // without a prompt where there are media
  std::string text{};            // with a marker for each of the media
  std::vector<engine::Media> media{};
};

// Markers stand where a medium belongs; a prompt without any is about all of them.
std::string with_markers(std::string text, const std::string& marker, std::size_t media) {
  if (text.contains(marker)) return text;
  std::string markers;
  for (std::size_t i = 0; i < media; ++i) markers += marker + "\n";
  return markers + text;
}

void read_media(const GenerateOptions& options, const engine::Projector& projector, Asked& asked) {
  for (const std::string& path : options.media) asked.media.push_back(projector.media_from_file(path));
  asked.text = with_markers(options.prompt, projector.facts().marker, asked.media.size());
  (void)projector.tokenize(asked.text, asked.media, true);
}

template <class Show>
RequestFigures read_all(run::Generation& generation, const Stopwatch& watch, run::FinishReason& reason, Show&& show) {
  while (const auto piece = generation.next()) show(*piece);
  reason = generation.finish_reason();
  return {.ms = watch.elapsed_ms(), .timing = generation.timing()};
}

// One run of the request. `show` receives the pieces as they come.
template <class Show>
RequestFigures run_once(const Opened& opened, const Asked& asked, const run::SpeculationParams& speculation,
                        run::FinishReason& reason, Show&& show) {
  const Stopwatch watch;
  run::BatchedExecutor executor(*opened.instance);
  run::Conversation conversation = executor.create();
  if (!asked.media.empty()) conversation.prompt(asked.text, asked.media);
  std::optional<run::BatchedExecutor> draft_executor;
  std::optional<run::Conversation> draft;
  run::GenerationParams params = asked.params;
  if (opened.draft) {
    draft_executor.emplace(*opened.draft);
    draft.emplace(draft_executor->create());
    params.draft = {.conversation = &*draft, .speculation = speculation};
  }
  run::Generation generation(conversation, std::move(params));
  return read_all(generation, watch, reason, show);
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
    throw Error(ErrorCode::usage, "--report cannot stand beside --fleet: it is about one model");
  if (options.opening.fit)
    throw Error(ErrorCode::usage, "--fit cannot stand beside --fleet: a fleet is planned as it is written");
  if (!options.draft.model.empty())
    throw Error(ErrorCode::usage, "with --fleet, a draft is named in the fleet file (model-draft)");
  if (!options.media.empty()) throw Error(ErrorCode::usage, "--image cannot stand beside --fleet");
  if (options.model.all("--model").size() > 1)
    throw Error(ErrorCode::usage, "with --fleet, --model names one of its models");
  const host::Fleet fleet = fleet_of(options.fleet, options.model);
  const std::string name =
      options.model.has("--model") ? options.model.all("--model").front() : fleet.models.front().request.name;
  dry_run::DryRunProcess dry_runs({program_path(), "dry-run-worker"});
  plan::Store store;
  run::MemoryAccounting accounting(join_machine("generate"));
  host::Host host(accounting, fleet, dry_runs, store, {.worker_program = {program_path(), "model-worker"}});
  host::Lease lease = host.acquire(name, {.stop = interrupts()});

  run::GenerationParams params = generation_params(options);
  params.prompt = prompt_tokens(*lease.served().vocabulary(), options);
  params.stop = interrupts();
  params.draft = lease.draft();
  std::string text;
  run::FinishReason reason = run::FinishReason::running;
  const Stopwatch watch;
  run::Generation generation(lease.conversation(), std::move(params));
  const RequestFigures figures = read_all(generation, watch, reason, shown_or_kept(global.json, text));
  global.json ? print_result(text, reason, figures) : fmt::print("\n");
  return end_of(reason, figures);
}

int run(const GlobalOptions& global, const GenerateOptions& options) {
  if (!options.fleet.empty()) return run_on_fleet(global, options);
  OpeningOptions opening = opening_options(options.model, options.opening, "generate");
  plan::Request request = requests(options.model, 1).front();
  if (!options.media.empty() && !request.dry_run.projector.wanted())
    throw Error(ErrorCode::usage, "--image needs a projector; name one with --mmproj");
  if (!options.media.empty() && !options.draft.model.empty())
    throw Error(ErrorCode::usage, "a draft model sees no pictures; leave --model-draft or --image out");
  opening.draft = draft_request(options.draft, request);
  if (options.progress) opening.progress = Progress::Style::lines;

  Asked asked;
  asked.params = generation_params(options);
  const auto check_request = [&](run::Instance& loaded) {
    if (options.media.empty())
      asked.params.prompt = prompt_tokens(*loaded.model(), options);
    else
      read_media(options, loaded.projector(), asked);
    const engine::Sampler parses(*loaded.model(), asked.params.sampling);
  };
  const Opened opened = open(request, planner_options(options.model), opening, check_request);
  if (!opened.instance) return report_refusal(opened.plan, global.json);
  asked.params.stop = interrupts();
  const run::SpeculationParams speculation = app::speculation(options.draft);

  std::string text;
  run::FinishReason reason = run::FinishReason::running;
  std::vector<RequestFigures> runs;
  runs.push_back(run_once(opened, asked, speculation, reason, shown_or_kept(global.json, text)));
  if (!global.json) fmt::print("\n");
  if (!options.report.empty()) {
    run::FinishReason again = reason;
    for (int i = 0; i < kSteadyRuns && again != run::FinishReason::cancelled; ++i) {
      runs.push_back(run_once(opened, asked, speculation, again, [](const std::string&) {}));
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
  add_model_files(*command, options->model);
  add_draft_options(*command, options->draft);
  add_sampling_options(*command, options->sampling);
  command->add_option("-p,--prompt", options->prompt, "The text to go on with")->envname("PLIMSOLL_PROMPT");
  command
      ->add_option("-f,--file", options->prompt_file, "File with the prompt; -: stdin, which is also read without any")
      ->excludes("--prompt");
  command->add_option("--tokens", options->tokens, "The prompt as token ids, like 1,2,3")
      ->excludes("--prompt")
      ->excludes("--file");
  command
      ->add_option("--image,--audio", options->media,
                   "Picture or sound of the prompt, for --mmproj; may be repeated. <__media__> says where it belongs")
      ->excludes("--tokens")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("-n,--predict", options->predict, "Tokens to generate at most; -1: until the context is full")
      ->envname("PLIMSOLL_PREDICT")
      ->capture_default_str();
  command->add_option("--stop", options->stop_strings, "Text to stop before; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_flag("--ignore-eos", options->ignore_eos, "Go on past the model's own end");
  command->add_option("--report", options->report, "Write ledger, warm-up, seal and timing there as JSON");
  command->add_option("--fleet", options->fleet, "Fleet file (TOML); --model then names one of its models")
      ->envname("PLIMSOLL_FLEET");
  add_opening_flags(*command, options->opening);
  command->add_flag("--progress", options->progress,
                    "Say on stderr when a stage is over, also where stderr is not a terminal");
  add_json(*command, global);
  command->callback([&global, &status, options, command] {
    options->has_prompt = command->count("--prompt") > 0;
    read_prompt(*options);
    status = run(global, *options);
  });
}

}  // namespace plimsoll::app
