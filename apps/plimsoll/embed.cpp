// plimsoll embed: texts in, vectors out, on a model that was planned for it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include <plimsoll/base/error.hpp>
#include "base/clock.hpp"
#include "run/embedder.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "opening.hpp"
#include "texts.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct EmbedOptions {
  ModelOptions model;
  std::vector<std::string> prompts;
  std::string file;
  std::vector<std::string> tokens;
  std::string pooling;
  int normalize = 2;
  OpeningFlags opening;
};

engine::Pooling pooling(const std::string& text) {
  if (text.empty()) return engine::Pooling::unspecified;
  const auto known = engine::pooling_from_string(text);
  if (!known || *known == engine::Pooling::rank)
    throw Error(ErrorCode::usage, fmt::format("--pooling does not know '{}'; it takes none, mean, cls or last", text));
  return *known;
}

run::Normalisation normalisation(int number) {
  if (number != -1 && number != 2) {
    throw Error(
        ErrorCode::usage,
        fmt::format("--embd-normalize cannot be {}; it takes 2 (length 1) or -1 (as the model gives it)", number));
  }
  return number == 2 ? run::Normalisation::l2 : run::Normalisation::none;
}

Json to_json(const run::Instance& instance, const run::Embedder& embedder, const EmbedOptions& options,
             const std::vector<run::Embedding>& embeddings, double ms) {
  Json list = Json::array();
  for (std::size_t i = 0; i < embeddings.size(); ++i) {
    Json vectors = Json::array();
    for (std::size_t row = 0; row < embeddings[i].rows(); ++row) vectors.push_back(embeddings[i].row(row));
    list.push_back({{"index", i}, {"tokens", embeddings[i].tokens}, {"vectors", vectors}});
  }
  return {{"schema", "plimsoll.embeddings/1"},
          {"model", instance.name()},
          {"pooling", engine::to_string(embedder.pooling())},
          {"normalize", options.normalize},
          {"width", embedder.width()},
          {"ms", ms},
          {"embeddings", list}};
}

void print_lines(const std::vector<run::Embedding>& embeddings) {
  for (const run::Embedding& embedding : embeddings) {
    for (std::size_t row = 0; row < embedding.rows(); ++row) fmt::print("{:.7g}\n", fmt::join(embedding.row(row), " "));
  }
}

int run(const GlobalOptions& global, const EmbedOptions& options) {
  const OpeningOptions opening = opening_options(options.model, options.opening, "embed");
  const run::Normalisation normalised = normalisation(options.normalize);
  plan::Request request = requests(options.model, 1).front();
  std::vector<std::vector<engine::Token>> inputs = token_lists(options.tokens);
  const auto texts = inputs.empty() ? read_texts(options.prompts, options.file) : std::vector<std::string>{};
  const bool several = std::max(inputs.size(), texts.size()) > 1;
  if (several && !options.model.has("--parallel")) share_one_batch(request.dry_run.context);
  run::plan_for_embeddings(request.dry_run, pooling(options.pooling));

  double ms = 0;  // tokenizing and embedding
  const auto tokenize = [&](const run::Instance& loaded) {
    const Stopwatch watch;
    for (const std::string& text : texts) inputs.push_back(loaded.model()->vocab().tokenize(text, true, true));
    ms = watch.elapsed_ms();
  };
  const Opened opened = open(request, planner_options(options.model), opening, tokenize);
  if (!opened.instance) return report_refusal(opened.plan, global.json);

  run::Embedder embedder(*opened.instance);
  Progress progress;
  const Stopwatch watch;
  const auto embeddings = embedder.embed(
      inputs, {.normalisation = normalised, .stop = interrupts(), .progress = [&](std::size_t done, std::size_t of) {
                 progress.show("embedding", static_cast<double>(done) / static_cast<double>(of));
               }});
  ms += watch.elapsed_ms();
  progress.done("embedded");
  if (global.json) {
    fmt::print("{}\n", to_json(*opened.instance, embedder, options, embeddings, ms).dump());
  } else {
    print_lines(embeddings);
  }
  return done;
}

}  // namespace

void add_embed(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("embed", "Texts to vectors, one for each text or for each token");
  auto options = std::make_shared<EmbedOptions>();
  add_model_options(*command, options->model);
  add_model_files(*command, options->model);
  command->add_option("-p,--prompt", options->prompts, "A text; may be repeated (none: the lines of stdin)")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("-f,--file", options->file, "File with a text on each line")->excludes("--prompt");
  command->add_option("--tokens", options->tokens, "A text as token ids, like 1,2,3; may be repeated")
      ->take_all()
      ->allow_extra_args(false)
      ->excludes("--prompt")
      ->excludes("--file");
  command->add_option("--pooling", options->pooling, "none, mean, cls or last (default: the model's own)")
      ->envname("PLIMSOLL_POOLING");
  command->add_option("--embd-normalize", options->normalize, "2: vectors of length 1; -1: as the model gives them")
      ->envname("PLIMSOLL_EMBD_NORMALIZE")
      ->capture_default_str();
  add_opening_flags(*command, options->opening);
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
