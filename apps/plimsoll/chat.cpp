// plimsoll chat: a conversation with one model, in its own template.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>
#include <utility>

#include <plimsoll/base/error.hpp>
#include "run/chat_session.hpp"
#include "run/interactive_executor.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "opening.hpp"

namespace plimsoll::app {
namespace {

constexpr const char* kHelp =
    "/regen answers again, /undo takes the last exchange back, /system TEXT sets the system message, /history shows "
    "all,\n"
    "/image FILE and /audio FILE go with the next message, /clear forgets the conversation, /save FILE and /load FILE "
    "keep it, /stats shows figures, /quit ends\n";

struct ChatOptions {
  ModelOptions model;
  DraftOptions draft;
  SamplingOptions sampling;
  std::string system;
  std::int32_t predict = run::kDefaultPredict;
  std::vector<std::string> stop_strings;
  OpeningFlags opening;
  bool forget_oldest = false;
};

enum class Next { go_on, leave, interrupted };

// One line of the user's is a message or a command.
class Talk {
 public:
  Talk(run::ChatSession& session, const ChatOptions& options, run::Instance& instance, std::optional<run::Draft> draft)
      : session_(session), options_(options), instance_(instance), draft_(draft) {}

  Next line(const std::string& line) {
    if (line.front() != '/') return show(session_.say(line, std::exchange(media_, {}), params()));
    const std::size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/quit" || name == "/exit") return Next::leave;
    if (name == "/regen") return show(session_.regenerate(params()));
    command(name, rest);
    return Next::go_on;
  }

 private:
  void command(const std::string& name, const std::string& rest) {
    if (name == "/clear") {
      session_.clear();
      media_.clear();
    } else if (name == "/undo") {
      if (!session_.undo()) throw Error(ErrorCode::usage, "nothing was said yet that could be taken back");
    } else if (name == "/system") {
      session_.set_system(rest);
    } else if (name == "/history") {
      for (const engine::ChatMessage& message : session_.history())
        fmt::print("{}: {}\n", message.role, message.content);
    } else if ((name == "/image" || name == "/audio") && !rest.empty()) {
      media_.push_back(instance_.projector().media_from_file(rest));
    } else if (name == "/stats") {
      print_stats();
    } else if (name == "/save" && !rest.empty()) {
      session_.save(rest);
      fmt::print(stderr, "saved as {}\n", rest);
    } else if (name == "/load" && !rest.empty()) {
      session_.load(rest);
      fmt::print(stderr, "{} messages from {}\n", session_.history().size(), rest);
    } else {
      if (name == "/save" || name == "/load" || name == "/image" || name == "/audio")
        fmt::print(stderr, "{} takes a file\n", name);
      else if (name != "/help")
        fmt::print(stderr, "there is no command {}\n", name);
      fmt::print(stderr, "{}", kHelp);
    }
  }

  void print_stats() const {
    const run::ChatStats& stats = session_.stats();
    const memory::SealCounts seal = instance_.seal_counts();
    fmt::print(
        "{} messages, {} of them left out of the prompt; the last prompt had {} tokens, {} were in memory already\n",
        stats.messages, stats.forgotten, stats.prompt_tokens, stats.reused_tokens);
    fmt::print("last answer: {} tokens in {:.0f} ms after {:.0f} ms for the prompt\n", stats.last.generated_tokens,
               stats.last.generate_ms, stats.last.prompt_ms);
    if (draft_)
      fmt::print("the draft proposed {} of them, and {} were accepted\n", stats.last.speculation.proposed,
                 stats.last.speculation.accepted);
    fmt::print("allocations after seal {}, growth after ready {}\n", seal.allocations_after_seal,
               format_bytes(instance_.growth_after_ready()));
  }

  [[nodiscard]] run::GenerationParams params() const {
    run::GenerationParams params;
    params.predict = options_.predict;
    params.sampling = sampling(options_.sampling);
    params.stop_strings = options_.stop_strings;
    params.overflow.strategy = run::ContextOverflow::stop;
    params.draft = draft_;
    params.stop = interrupts();
    return params;
  }

  static Next show(run::ChatTurn turn) {
    for (const std::string& piece : run::pieces(turn)) {
      fmt::print("{}", piece);
      std::fflush(stdout);
    }
    fmt::print("\n");
    return turn.finish_reason() == run::FinishReason::cancelled ? Next::interrupted : Next::go_on;
  }

  run::ChatSession& session_;
  const ChatOptions& options_;
  run::Instance& instance_;
  std::optional<run::Draft> draft_;
  std::vector<engine::Media> media_;  // of the next message
};

// What is wrong with one line does not end the conversation of somebody who sits before it.
bool can_go_on(const Error& error) {
  return error.code() == ErrorCode::context_overflow || error.code() == ErrorCode::usage ||
         error.code() == ErrorCode::io;
}

// At a terminal, which gives one line at a time. False: somebody would rather end.
bool wait_for_a_line() {
  constexpr int kLookMs = 200;
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (!interrupts().stop_requested()) {
    if (poll(&input, 1, kLookMs) > 0) return true;
  }
  return false;
}

int talk(Talk& talk) {
  const bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (terminal) fmt::print(stderr, "{}", kHelp);
  for (;;) {
    if (terminal) fmt::print(stderr, "> ");
    if (terminal && !wait_for_a_line()) {
      fmt::print(stderr, "\nplimsoll: interrupted\n");
      return interrupted;
    }
    std::string line;
    if (!std::getline(std::cin, line)) return done;
    if (line.empty()) continue;
    try {
      const Next next = talk.line(line);
      if (next == Next::leave) return done;
      if (next == Next::interrupted) {
        fmt::print(stderr, "plimsoll: interrupted\n");
        return interrupted;
      }
    } catch (const Error& error) {
      if (!terminal || !can_go_on(error)) throw;
      fmt::print(stderr, "plimsoll: {}{}\n", error.what(),
                 error.code() == ErrorCode::context_overflow ? "; /clear forgets the conversation" : "");
    }
  }
}

int run(const ChatOptions& options) {
  ModelOptions model = options.model;
  OpeningOptions opening = opening_options(model, options.opening, "chat");
  if (!model.has("--model")) model.given["--model"] = {demo_models().back()};  // the one that answers questions
  plan::Request request = requests(model, 1).front();
  opening.draft = draft_request(options.draft, request);
  const std::string chosen = chat_template(model);
  const Opened opened = open(request, planner_options(model), opening, [](const run::Instance& loaded) {
    if (!loaded.model()->vocab().present())
      throw Error(ErrorCode::unsupported, "this model carries no vocabulary, so one cannot talk to it");
  });
  if (!opened.instance) return report_refusal(opened.plan, false);
  run::BatchedExecutor batched(*opened.instance);
  run::InteractiveExecutor executor(batched);
  run::ChatOptions chat{.system = options.system};
  chat.forget_oldest = options.forget_oldest;
  if (!chosen.empty())
    chat.history_transform =
        std::make_unique<run::TemplateTransform>(engine::ChatTemplate::of(*opened.instance->model(), chosen));
  run::ChatSession session(executor, std::move(chat));
  std::optional<run::BatchedExecutor> draft_executor;
  std::optional<run::Conversation> proposes;
  std::optional<run::Draft> speculates;
  if (opened.draft) {
    draft_executor.emplace(*opened.draft);
    proposes.emplace(draft_executor->create());
    speculates = {.conversation = &*proposes, .speculation = speculation(options.draft)};
  }
  Talk lines(session, options, *opened.instance, speculates);
  return talk(lines);
}

}  // namespace

void add_chat(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand("chat", "Talk to a model in its own template; one line is one message");
  auto options = std::make_shared<ChatOptions>();
  add_model_options(*command, options->model);
  add_model_files(*command, options->model);
  add_draft_options(*command, options->draft);
  add_sampling_options(*command, options->sampling);
  command->add_option("--system", options->system, "The system message")->envname("PLIMSOLL_SYSTEM");
  command->add_option("-n,--predict", options->predict, "Tokens of one answer at most; -1: until the context is full")
      ->envname("PLIMSOLL_PREDICT")
      ->capture_default_str();
  command->add_option("--stop", options->stop_strings, "Text to stop before; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  add_opening_flags(*command, options->opening);
  command
      ->add_flag("--forget-oldest", options->forget_oldest,
                 "Where the conversation no longer fits the context, leave its oldest exchanges out of the prompt")
      ->envname("PLIMSOLL_FORGET_OLDEST");
  command->callback([&status, options] { status = run(*options); });
}

}  // namespace plimsoll::app
