// plimsoll chat: a conversation with one model, in its own template.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>

#include <plimsoll/base/error.hpp>
#include <plimsoll/engine/chat_template.hpp>

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "opening.hpp"

namespace plimsoll::app {
namespace {

constexpr const char* kHelp =
    "/clear forgets the conversation, /system TEXT sets the system message, /history shows all, /quit ends\n";

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::string system;
  std::int32_t predict = run::kDefaultPredict;
  std::vector<std::string> stop_strings;
  std::string warm_up = "full";
  bool fit = false;
};

// What was said so far, and the model that answers.
class Conversation {
 public:
  Conversation(run::Instance& instance, const ChatOptions& options)
      : instance_(instance), options_(options), template_(engine::ChatTemplate::of(*instance.model())) {
    set_system(options.system);
  }

  void clear() { messages_.resize(messages_.empty() || messages_.front().role != "system" ? 0 : 1); }

  void set_system(const std::string& text) {
    if (!messages_.empty() && messages_.front().role == "system") messages_.erase(messages_.begin());
    if (!text.empty()) messages_.insert(messages_.begin(), {.role = "system", .content = text, .extra = {}});
  }

  void print_history() const {
    for (const engine::ChatMessage& message : messages_) fmt::print("{}: {}\n", message.role, message.content);
  }

  // Prints the answer as it comes. A turn that fails is taken back, so that the conversation can go on without it.
  run::FinishReason say(const std::string& text) {
    messages_.push_back({.role = "user", .content = text, .extra = {}});
    try {
      return answer();
    } catch (...) {
      messages_.pop_back();
      throw;
    }
  }

 private:
  run::FinishReason answer() {
    run::GenerationParams params;
    params.prompt = run::tokenize_prompt(*instance_.model(), template_.apply(messages_));
    params.predict = options_.predict;
    params.sampling = sampling(options_.sampling);
    params.stop_strings = options_.stop_strings;
    params.stop = interrupts();
    run::Generation generation(instance_, params);
    std::string said;
    for (const std::string& piece : run::pieces(generation)) {
      said += piece;
      fmt::print("{}", piece);
      std::fflush(stdout);
    }
    fmt::print("\n");
    messages_.push_back({.role = "assistant", .content = said, .extra = {}});
    return generation.finish_reason();
  }

  run::Instance& instance_;
  const ChatOptions& options_;
  engine::ChatTemplate template_;
  std::vector<engine::ChatMessage> messages_;
};

// False: the user wants to leave.
bool command(Conversation& conversation, const std::string& line) {
  if (line == "/quit" || line == "/exit") return false;
  if (line == "/clear") {
    conversation.clear();
  } else if (line == "/history") {
    conversation.print_history();
  } else if (line.starts_with("/system ")) {
    conversation.set_system(line.substr(8));
  } else {
    fmt::print(stderr, "{}", kHelp);
  }
  return true;
}

int talk(Conversation& conversation) {
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (terminal) fmt::print(stderr, "{}", kHelp);
  for (;;) {
    if (terminal) fmt::print(stderr, "> ");
    std::string line;
    if (!std::getline(std::cin, line)) return done;
    if (line.empty()) continue;
    if (line.front() == '/') {
      if (!command(conversation, line)) return done;
      continue;
    }
    try {
      if (conversation.say(line) == run::FinishReason::cancelled) {
        fmt::print(stderr, "plimsoll: interrupted\n");
        return interrupted;
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::context_overflow) throw;
      fmt::print(stderr, "plimsoll: {}; /clear forgets the conversation\n", error.what());
      if (!terminal) return failed;
    }
  }
}

int run(const ChatOptions& options) {
  const run::WarmUpDepth warm_up = warm_up_depth(options.warm_up);
  ModelOptions model = options.model;
  if (model.models.empty()) model.models = {demo_models().back()};  // the one that answers questions
  const Opened opened =
      open(requests(model, 1).front(), planner_options(model), {.fit = options.fit, .warm_up = warm_up},
           [](const engine::Model& loaded) {
             if (!loaded.vocab().present())
               throw Error(ErrorCode::unsupported, "this model carries no vocabulary, so one cannot talk to it");
           });
  if (!opened.instance) return report_refusal(opened.plan, false);
  Conversation conversation(*opened.instance, options);
  return talk(conversation);
}

}  // namespace

void add_chat(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand("chat", "Talk to a model in its own template; one line is one message");
  auto options = std::make_shared<ChatOptions>();
  add_model_options(*command, options->model);
  add_sampling_options(*command, options->sampling);
  command->add_option("--system", options->system, "The system message")->envname("PLIMSOLL_SYSTEM");
  command->add_option("-n,--predict", options->predict, "Tokens of one answer at most; -1: until the context is full")
      ->envname("PLIMSOLL_PREDICT")
      ->capture_default_str();
  command->add_option("--stop", options->stop_strings, "Text to stop before; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--warm-up", options->warm_up, "full, quick or none")
      ->envname("PLIMSOLL_WARM_UP")
      ->capture_default_str();
  command->add_flag("--fit", options->fit, "Where it does not fit, use the nearest configuration that does")
      ->envname("PLIMSOLL_FIT");
  command->callback([&status, options] { status = run(*options); });
}

}  // namespace plimsoll::app
