#include "llama_server_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include <plimsoll/base/error.hpp>

namespace plimsoll::app {
namespace {

enum class Fate { same, ours, source, without_meaning, refused };

struct Flag {
  std::vector<std::string_view> names;
  std::size_t values = 0;
  Fate fate = Fate::without_meaning;
  // Our words, in which {} is the value; or why it has no meaning, or is refused.
  std::string_view text{};
};

constexpr std::string_view kPlanned = "what a model takes is planned";
constexpr std::string_view kRequests = "a request says it";
constexpr std::string_view kOneLog = "--log-format and -v say how the log looks";
constexpr std::string_view kPrompts = "prompts are kept and swapped out by themselves; --cached-prompts bounds them";
constexpr std::string_view kThreads = "the operating system places threads";
constexpr std::string_view kProjector = "a projector is what --mmproj names; videos are not read";
constexpr std::string_view kNoTools = "no tools are run here";
constexpr std::string_view kWithoutEffect = "--lora-init-without-apply";
constexpr std::string_view kTemplate = "the model's own template is used";
constexpr std::string_view kDownload =
    "models are not downloaded here: fetch the file (hf download USER/MODEL FILE.gguf) and name it with --model";

const std::vector<Flag>& flags() {
  static const std::vector<Flag> kFlags{
      // What is always so here.
      {{"--jinja"}, 0, Fate::same},
      {{"--metrics"}, 0, Fate::same},
      {{"--slots"}, 0, Fate::same},
      {{"-cb", "--cont-batching"}, 0, Fate::same},
      {{"--warmup"}, 0, Fate::same},
      {{"--mmap"}, 0, Fate::same},
      {{"--cache-prompt"}, 0, Fate::same},
      {{"--no-context-shift"}, 0, Fate::same},
      {{"--kv-offload", "-kvo"}, 0, Fate::same},
      {{"--repack"}, 0, Fate::same},
      {{"--op-offload"}, 0, Fate::same},
      {{"--mmproj-offload"}, 0, Fate::same},
      {{"--ui", "--webui"}, 0, Fate::same},
      {{"--offline"}, 0, Fate::same},
      {{"--no-mmproj", "--no-mmproj-auto"}, 0, Fate::same},
      {{kWithoutEffect}, 0, Fate::same},  // see without_effect()
      // What is called otherwise.
      {{"--mlock"}, 0, Fate::ours, "--load-mode mlock"},
      {{"--no-ui", "--no-webui"}, 0, Fate::ours, "--no-dashboard"},
      {{"-n", "--predict", "--n-predict"}, 1, Fate::ours, "--max-answer-tokens {}"},
      {{"--cors-origins"}, 1, Fate::ours, "--cors-origin {}"},
      {{"-rea"}, 1, Fate::ours, "--reasoning {}"},
      {{"--sleep-idle-seconds"}, 1, Fate::ours, "--time-to-live {}"},
      {{"--embeddings"}, 0, Fate::ours, "--embedding"},
      {{"--rerank"}, 0, Fate::ours, "--reranking"},
      {{"--spec-draft-model"}, 1, Fate::ours, "--model-draft {}"},
      {{"--draft", "--draft-n", "--spec-draft-n-max"}, 1, Fate::ours, "--draft-max {}"},
      {{"--spec-draft-p-min"}, 1, Fate::ours, "--draft-p-min {}"},
      {{"--spec-draft-ngl", "--n-gpu-layers-draft"}, 1, Fate::ours, "--gpu-layers-draft {}"},
      // What would be another model.
      {{"-hf", "-hfr", "--hf-repo", "-hff", "--hf-file", "-hft", "--hf-token"}, 1, Fate::refused, kDownload},
      {{"-mu", "--model-url", "-dr", "--docker-repo", "-mmu", "--mmproj-url"}, 1, Fate::refused, kDownload},
      {{"-hfd", "-hfrd", "--hf-repo-draft", "--spec-draft-hf"}, 1, Fate::refused, kDownload},
      // What has no meaning here.
      {{"--no-jinja"}, 0, Fate::without_meaning, "chats are always written by the model's Jinja template"},
      {{"--props"}, 0, Fate::without_meaning, "properties are read, not changed"},
      {{"--no-warmup", "--no-cont-batching", "-nocb"}, 0, Fate::without_meaning, kPlanned},
      {{"--context-shift"}, 0, Fate::without_meaning, "an answer ends where its context is full"},
      {{"--no-op-offload"}, 0, Fate::without_meaning, kPlanned},
      {{"-fit", "--fit", "-fitt", "--fit-target", "-fitc", "--fit-ctx"}, 1, Fate::without_meaning, kPlanned},
      {{"-dt", "--defrag-thold", "--moe-cache-mib", "-lzm", "--lazy-mode"}, 1, Fate::without_meaning, kPlanned},
      {{"--numa", "-C", "--cpu-mask", "-Cr", "--cpu-range", "--cpu-strict", "--prio", "--poll"},
       1,
       Fate::without_meaning,
       kThreads},
      {{"-Cb", "--cpu-mask-batch", "-Crb", "--cpu-range-batch", "--cpu-strict-batch", "--prio-batch", "--poll-batch"},
       1,
       Fate::without_meaning,
       kThreads},
      {{"--threads-http"}, 1, Fate::without_meaning, "--max-connections bounds them"},
      {{"-to", "--timeout"}, 1, Fate::without_meaning, "--max-time bounds a request"},
      {{"--no-cache-prompt", "--cache-idle-slots", "--no-cache-idle-slots"}, 0, Fate::without_meaning, kPrompts},
      {{"--cache-reuse", "-cram", "--cache-ram", "-ctxcp", "--ctx-checkpoints", "--swa-checkpoints", "-cms",
        "--checkpoint-min-step", "-sps", "--slot-prompt-similarity", "--keep"},
       1,
       Fate::without_meaning,
       kPrompts},
      {{"--log-disable", "--log-jsonl", "--no-log-jsonl", "--log-prefix", "--no-log-prefix", "--log-timestamps",
        "--no-log-timestamps", "--perf", "--no-perf"},
       0,
       Fate::without_meaning,
       kOneLog},
      {{"-lv", "--verbosity", "--log-verbosity", "--log-colors", "--log-prompts-dir"},
       1,
       Fate::without_meaning,
       kOneLog},
      {{"--temp",
        "--temperature",
        "--top-k",
        "--top-p",
        "--min-p",
        "--top-nsigma",
        "--top-n-sigma",
        "--xtc-probability",
        "--xtc-threshold",
        "--typical",
        "--typical-p",
        "--repeat-last-n",
        "--repeat-penalty",
        "--presence-penalty",
        "--frequency-penalty",
        "--dry-multiplier",
        "--dry-base",
        "--dry-allowed-length",
        "--dry-penalty-last-n",
        "--dry-sequence-breaker",
        "--dynatemp-range",
        "--dynatemp-exp",
        "--mirostat",
        "--mirostat-lr",
        "--mirostat-ent",
        "--samplers",
        "--sampler-seq",
        "--sampling-seq",
        "-s",
        "--seed",
        "-l",
        "--logit-bias",
        "--grammar",
        "--grammar-file",
        "-j",
        "--json-schema",
        "--json-schema-file",
        "-r",
        "--reverse-prompt",
        "--adaptive-target",
        "--adaptive-decay"},
       1,
       Fate::without_meaning,
       kRequests},
      {{"--ignore-eos", "-sp", "--special", "-bs", "--backend-sampling", "-e", "--escape", "--no-escape"},
       0,
       Fate::without_meaning,
       kRequests},
      {{"--reasoning-format", "--reasoning-budget-message"}, 1, Fate::without_meaning, kRequests},
      {{"--reasoning-preserve", "--no-reasoning-preserve", "--skip-chat-parsing", "--no-skip-chat-parsing",
        "--prefill-assistant", "--no-prefill-assistant", "--spm-infill", "--spec-default"},
       0,
       Fate::without_meaning,
       kTemplate},
      {{"--path", "--api-prefix", "--ui-config", "--webui-config", "--ui-config-file", "--webui-config-file",
        "--cors-methods", "--cors-headers"},
       1,
       Fate::without_meaning,
       "this server has its own pages and paths"},
      {{"--reuse-port", "--cors-credentials", "--no-cors-credentials"},
       0,
       Fate::without_meaning,
       "this server has its own pages and paths"},
      {{"--embd-normalize"}, 1, Fate::without_meaning, "vectors have length 1"},
      {{"-mmdev", "--mmproj-device", "--mtmd-batch-max-tokens", "--video-fps", "--video-timestamp-interval",
        "--video-ffmpeg-dir"},
       1,
       Fate::without_meaning,
       kProjector},
      {{"--mmproj-auto"}, 0, Fate::without_meaning, kProjector},
      {{"--tools", "--tools-runtime", "--mcp-servers-config", "--mcp-servers-json"},
       1,
       Fate::without_meaning,
       kNoTools},
      {{"-ag", "--agent", "-no-ag", "--no-agent", "--ui-mcp-proxy", "--webui-mcp-proxy", "--no-ui-mcp-proxy",
        "--no-webui-mcp-proxy"},
       0,
       Fate::without_meaning,
       kNoTools},
      {{"--draft-min",
        "--draft-n-min",
        "--spec-draft-n-min",
        "--draft-p-split",
        "--spec-draft-p-split",
        "-td",
        "--threads-draft",
        "-tbd",
        "--threads-batch-draft",
        "-devd",
        "--device-draft",
        "-ctkd",
        "--cache-type-k-draft",
        "-ctvd",
        "--cache-type-v-draft",
        "--spec-type",
        "-lcs",
        "--lookup-cache-static",
        "-lcd",
        "--lookup-cache-dynamic"},
       1,
       Fate::without_meaning,
       "a draft is planned as its model is"},
      // Of several models: its router. A folder of models, a file of them.
      {{"--models-dir", "--models-preset"}, 1, Fate::source},
      {{"--models-autoload"}, 0, Fate::same},
  };
  return kFlags;
}

const Flag* find(std::string_view name) {
  for (const Flag& flag : flags()) {
    if (std::ranges::contains(flag.names, name)) return &flag;
  }
  return nullptr;
}

bool has(const CLI::App& serve, const std::string& name) {
  return name.starts_with("-") && serve.get_option_no_throw(name) != nullptr;
}

// "--load-mode mlock", with the value put in.
void add_ours(std::vector<std::string>& to, const Flag& flag, const std::string& value) {
  const std::size_t blank = flag.text.find(' ');
  to.emplace_back(flag.text.substr(0, blank));
  if (blank == std::string_view::npos) return;
  const std::string_view second = flag.text.substr(blank + 1);
  to.emplace_back(second == "{}" ? value : std::string(second));
}

// No limit is said by a negative number there, and by none here; how many sequences is said, not guessed.
bool says_nothing(std::string_view name, std::string_view value) {
  static constexpr std::string_view kCounts[]{"-n", "--predict", "--n-predict", "-np", "--parallel"};
  return value.starts_with('-') && std::ranges::contains(kCounts, name);
}

// --ctx_size=512 is --ctx-size=512 there.
std::string with_hyphens(std::string argument) {
  if (!argument.starts_with("--")) return argument;
  const auto name_end = std::ranges::find(argument, '=');
  std::ranges::replace(argument.begin(), name_end, '_', '-');
  return argument;
}

class Reader {
 public:
  Reader(std::span<const std::string> left, const CLI::App& serve, std::vector<std::string>& notes)
      : left_(left), serve_(serve), notes_(notes) {}

  [[nodiscard]] std::vector<std::string> read() {
    const bool without_effect = std::ranges::contains(left_, kWithoutEffect);
    while (!left_.empty()) next();
    if (without_effect) take_effect_from_adapters();
    return std::move(out_);
  }

 private:
  void next() {
    const std::string argument = with_hyphens(take());
    const std::size_t equals = argument.starts_with("--") ? argument.find('=') : std::string::npos;
    const std::string name = argument.substr(0, equals);
    if (equals == std::string::npos && !left_.empty() && says_nothing(name, left_.front())) return (void)take();
    const Flag* flag = has(serve_, name) ? nullptr : find(name);
    if (flag == nullptr) return keep(argument);
    std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (equals == std::string::npos && flag->values > 0 && !left_.empty()) value = take();
    meet(*flag, name, value);
  }

  // An older form of --flash-attn has no value.
  void keep(const std::string& argument) {
    out_.push_back(argument);
    const bool has_value = !left_.empty() && !left_.front().starts_with("-");
    if (argument == "--flash-attn" && !has_value) out_.emplace_back("on");
  }

  void meet(const Flag& flag, const std::string& name, const std::string& value) {
    if (flag.fate == Fate::refused) throw Error(ErrorCode::usage, fmt::format("{}: {}", name, flag.text));
    if (flag.fate == Fate::ours) add_ours(out_, flag, value);
    if (flag.fate == Fate::source) out_.push_back(value);
    if (flag.fate == Fate::without_meaning)
      notes_.push_back(fmt::format("{} has no meaning here: {}", name, flag.text));
  }

  // Adapters are there, and get a scale above 0 later.
  void take_effect_from_adapters() {
    for (std::size_t i = 0; i < out_.size(); ++i) {
      const std::size_t equals = out_[i].find('=');
      const std::string name = out_[i].substr(0, equals);
      if (name != "--lora" && name != "--lora-scaled") continue;
      std::string file = equals != std::string::npos ? out_[i].substr(equals + 1) : "";
      if (equals == std::string::npos && i + 1 < out_.size()) file = out_[i + 1];
      if (name == "--lora-scaled") file = file.substr(0, file.rfind(':'));
      if (equals == std::string::npos) out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(i));
      out_[i] = "--lora-scaled=" + file + ":0";
    }
  }

  std::string take() {
    std::string first = left_.front();
    left_ = left_.subspan(1);
    return first;
  }

  std::span<const std::string> left_;
  const CLI::App& serve_;
  std::vector<std::string>& notes_;
  std::vector<std::string> out_;
};

}  // namespace

std::optional<bool> takes_value(const std::string& flag, const CLI::App& serve) {
  if (has(serve, flag)) return serve.get_option(flag)->get_items_expected_max() > 0;
  const Flag* const known = find(flag);
  return known == nullptr ? std::nullopt : std::optional(known->values > 0);
}

std::vector<std::string> without_llama_server_flags(std::vector<std::string> arguments, const CLI::App& program,
                                                    std::vector<std::string>& notes) {
  const auto serve = std::ranges::find(arguments, "serve");
  if (serve == arguments.end()) return arguments;
  const auto place = static_cast<std::size_t>(serve - arguments.begin()) + 1;
  const CLI::App* command = program.get_subcommand("serve");
  std::vector<std::string> out(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(place));
  std::ranges::copy(Reader(std::span(arguments).subspan(place), *command, notes).read(), std::back_inserter(out));
  return out;
}

}  // namespace plimsoll::app
