// plimsoll rerank: how well documents answer a query.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include <plimsoll/base/error.hpp>
#include "run/reranker.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "opening.hpp"
#include "texts.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct RerankOptions {
  ModelOptions model;
  std::string query;
  std::vector<std::string> documents;
  std::string file;
  std::vector<std::string> tokens;
  bool sigmoid = false;
  bool truncate = false;
  std::int64_t top_n = 0;
  OpeningFlags opening;
};

Json to_json(const run::Instance& instance, const run::Reranker& reranker, const std::vector<run::Ranked>& ranked) {
  Json results = Json::array();
  for (const run::Ranked& one : ranked) {
    Json classes = Json::array();
    for (std::size_t i = 0; i < one.classes.size(); ++i)
      classes.push_back({{"label", reranker.labels().at(i)}, {"score", one.classes[i]}});
    results.push_back({{"index", one.document},
                       {"score", one.score},
                       {"classes", classes},
                       {"tokens", one.tokens},
                       {"truncated", one.truncated}});
  }
  return {{"schema", "plimsoll.rerank/1"}, {"model", instance.name()}, {"results", results}};
}

void print_lines(const std::vector<run::Ranked>& ranked, const std::vector<std::string>& documents) {
  for (const run::Ranked& one : ranked) {
    fmt::print("{:.6f}\t{}\t{}\n", one.score, one.document, documents.empty() ? "" : documents[one.document]);
  }
}

int run(const GlobalOptions& global, const RerankOptions& options) {
  const OpeningOptions opening = opening_options(options.model, options.opening, "rerank");
  if (options.query.empty() && options.tokens.empty())
    throw Error(ErrorCode::usage, "no query was given; name one with --query");
  plan::Request request = requests(options.model, 1).front();
  const auto pairs = token_lists(options.tokens);
  const auto documents = pairs.empty() ? read_texts(options.documents, options.file) : std::vector<std::string>{};
  const bool several = std::max(pairs.size(), documents.size()) > 1;
  if (several && !options.model.has("--parallel")) share_one_batch(request.dry_run.context);
  run::plan_for_ranking(request.dry_run);
  const auto has_vocabulary = [&](const run::Instance& loaded) {
    if (pairs.empty()) (void)loaded.model()->vocab().tokenize(options.query, false, false);
  };
  const Opened opened = open(request, planner_options(options.model), opening, has_vocabulary);
  if (!opened.instance) return report_refusal(opened.plan, global.json);

  run::Reranker reranker(*opened.instance);
  Progress progress;
  const run::RankParams params{.sigmoid = options.sigmoid,
                               .top_n = static_cast<std::size_t>(options.top_n),
                               .truncate = options.truncate,
                               .stop = interrupts(),
                               .progress = [&](std::size_t done, std::size_t of) {
                                 progress.show("ranking", static_cast<double>(done) / static_cast<double>(of));
                               }};
  const auto ranked = pairs.empty() ? reranker.rank(options.query, documents, params) : reranker.rank(pairs, params);
  progress.done("ranked");
  if (global.json) {
    fmt::print("{}\n", to_json(*opened.instance, reranker, ranked).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    print_lines(ranked, documents);
  }
  return done;
}

}  // namespace

void add_rerank(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("rerank", "Scores of how well documents answer a query");
  auto options = std::make_shared<RerankOptions>();
  add_model_options(*command, options->model);
  add_model_files(*command, options->model);
  command->add_option("-q,--query", options->query, "What the documents should answer");
  command->add_option("-d,--document", options->documents, "A document; may be repeated (none: the lines of stdin)")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("-f,--file", options->file, "File with a document on each line")->excludes("--document");
  command
      ->add_option("--tokens", options->tokens, "Query and document joined as token ids, like 1,2,3; may be repeated")
      ->take_all()
      ->allow_extra_args(false)
      ->excludes("--query")
      ->excludes("--document")
      ->excludes("--file");
  command->add_flag("--sigmoid", options->sigmoid, "Scores between 0 and 1 instead of the model's own");
  command->add_option("--top-n", options->top_n, "The best N only, best first; 0: all, in their order")
      ->check(CLI::Range(0, 1'000'000'000))
      ->capture_default_str();
  command->add_flag("--truncate", options->truncate, "Cut the end off documents that are too long");
  add_opening_flags(*command, options->opening);
  add_json(*command, global);
  command->callback([&global, &status, options] { status = run(global, *options); });
}

}  // namespace plimsoll::app
