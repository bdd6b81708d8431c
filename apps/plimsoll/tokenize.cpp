// plimsoll tokenize: text to token ids and back, with nothing of the model but its vocabulary.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include <nlohmann/json.hpp>
#include <plimsoll/base/error.hpp>
#include "base/text_file.hpp"
#include "engine/model.hpp"
#include "engine/prompt_tokens.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "model_file_names.hpp"
#include "texts.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct TokenizeOptions {
  std::string model;
  std::string prompt;
  std::string file;
  std::string tokens;
  bool detokenize = false;
  bool ids = false;
  bool no_bos = false;
  bool no_parse_special = false;
  bool show_count = false;
};

std::shared_ptr<engine::Model> load_vocabulary(const TokenizeOptions& options) {
  engine::ModelParams params;
  params.path = options.model.empty() ? demo_models().front() : options.model;
  params.devices = {"none"};
  return engine::Model::load(params, {.vocab_only = true});
}

std::string text_of(const TokenizeOptions& options, const CLI::App& command) {
  if (command.count("--prompt") > 0) return options.prompt;
  return options.file.empty() || options.file == "-" ? read_stdin() : read_text_file(options.file);
}

void print_tokens(const engine::Vocab& vocab, const std::vector<engine::Token>& tokens, const TokenizeOptions& options,
                  bool json) {
  if (json) {
    Json list = Json::array();
    for (const engine::Token token : tokens) list.push_back({{"id", token}, {"piece", vocab.piece(token, true)}});
    const Json out{{"schema", "plimsoll.tokens/1"}, {"count", tokens.size()}, {"tokens", list}};
    fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  if (options.ids) {
    fmt::print("[{}]\n", fmt::join(tokens, ", "));
  } else {
    for (const engine::Token token : tokens) fmt::print("{:6d} -> '{}'\n", token, vocab.piece(token, true));
  }
  if (options.show_count) fmt::print("Total number of tokens: {}\n", tokens.size());
}

int run_here(const GlobalOptions& global, const TokenizeOptions& options, const CLI::App& command) {
  const auto ids = options.detokenize ? token_lists({options.tokens}) : std::vector<std::vector<engine::Token>>{};
  const std::string text = options.detokenize ? "" : text_of(options, command);
  const auto model = load_vocabulary(options);
  const engine::Vocab vocab = model->vocab();
  if (!options.detokenize) {
    const auto read = options.no_parse_special ? jinja::input_text(text) : jinja::own_text(text);
    print_tokens(vocab, engine::prompt_tokens(*model, read, !options.no_bos), options, global.json);
    return done;
  }
  if (!vocab.present()) throw Error(ErrorCode::unsupported, "this model carries no vocabulary");
  for (const engine::Token token : ids.front()) {
    if (token < 0 || token >= vocab.n_tokens()) {
      throw Error(ErrorCode::usage,
                  fmt::format("unknown token {}: this model has {}, counted from 0", token, vocab.n_tokens()));
    }
  }
  if (global.json) {
    print_tokens(vocab, ids.front(), options, true);
  } else {
    fmt::print("{}\n", vocab.detokenize(ids.front(), true));
  }
  return done;
}

// In a child, which does all of it: a file that makes the engine end its process ends in a sentence here.
int run(const GlobalOptions& global, const TokenizeOptions& options, const CLI::App& command) {
  if (options.detokenize != (command.count("--tokens") > 0))
    throw Error(ErrorCode::usage, "--detokenize needs --tokens, and --tokens needs --detokenize");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) throw Error(ErrorCode::io, "a child process could not be started");
  if (child == 0) {
    setenv("GGML_NO_BACKTRACE", "1", 1);
    int status = failed;
    try {
      status = run_here(global, options, command);
    } catch (const Error& error) {
      status = report(error, global.json);
    } catch (const std::exception& error) {
      status = report(Error(ErrorCode::internal, error.what()), global.json);
    }
    if (std::fflush(stdout) != 0 && status == done) {
      std::perror("plimsoll: the output could not be written");
      status = failed;
    }
    _exit(status);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  throw Error(ErrorCode::model_unusable,
              fmt::format("the model cannot be used: the engine crashed on it ({})", strsignal(WTERMSIG(status))));
}

}  // namespace

void add_tokenize(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("tokenize", "Text to token ids and back");
  auto options = std::make_shared<TokenizeOptions>();
  command->add_option("-m,--model", options->model, "GGUF file; only its vocabulary is read (none: a demo model)")
      ->envname("PLIMSOLL_MODEL");
  const auto take_file = [options](const std::string& file) {
    if (!is_gguf_name(file))
      throw Error(ErrorCode::usage, fmt::format("'{}' is no model's file (.gguf); --prompt gives a text", file));
    options->model = file;
  };
  command->add_option_function<std::string>("gguf", take_file, "A model's file (.gguf), as with --model");
  command->add_option("-p,--prompt", options->prompt, "The text (none: all of stdin)");
  command->add_option("-f,--file", options->file, "File with the text")->excludes("--prompt");
  command->add_flag("--ids", options->ids, "Only the ids, like [1, 2, 3]");
  command->add_flag("--no-bos", options->no_bos, "Without the model's own begin token");
  command->add_flag("--no-parse-special", options->no_parse_special, "'<|im_start|>' is text, not one token");
  command->add_flag("--show-count", options->show_count, "Also say how many tokens there are");
  command->add_flag("--detokenize", options->detokenize, "The other way round: --tokens to text");
  command->add_option("--tokens", options->tokens, "Token ids, like 1,2,3")->excludes("--prompt")->excludes("--file");
  add_json(*command, global);
  command->callback([&global, &status, options, command] { status = run(global, *options, *command); });
}

}  // namespace plimsoll::app
