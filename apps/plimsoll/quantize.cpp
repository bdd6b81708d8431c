// plimsoll quantize: a model file into one of another type; nothing half written is left behind.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <sstream>

#include <plimsoll/base/error.hpp>
#include "quantize/quantize.hpp"

#include "commands.hpp"
#include "exit_status.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

namespace plimsoll::app {
namespace {

using Json = nlohmann::ordered_json;

struct QuantizeFlags {
  std::vector<std::string> arguments;  // IN OUT TYPE, or IN TYPE with --dry-run
  quantize::Request request;
  bool leave_output_tensor = false;
  std::string output_tensor_type;
  std::string token_embedding_type;
  std::vector<std::string> tensor_types;
  std::string prune_layers;
  std::vector<std::string> metadata;
  std::string max_buffer;
  bool force = false;
};

ggml_type tensor_type(const std::string& text, const char* flag) {
  const auto type = quantize::tensor_type_from_string(text);
  if (!type) usage_error(fmt::format("{} does not know the type '{}'; it takes ggml's, like q8_0 or f16", flag, text));
  return *type;
}

std::vector<quantize::MetadataOverride> metadata(const std::string& text) {
  auto entries = engine::metadata_overrides_from_string(text);
  if (!entries)
    usage_error(
        fmt::format("--override-kv '{}' is not of the form KEY=TYPE:VALUE, where a value is int:5, float:0.5, "
                    "bool:true or str:text",
                    text));
  return std::move(*entries);
}

void read_arguments(QuantizeFlags& flags) {
  quantize::Request& request = flags.request;
  const std::size_t wanted = request.dry_run ? 2 : 3;
  const bool output_for_nothing = request.dry_run && flags.arguments.size() == 3;
  if (flags.arguments.size() != wanted && !output_for_nothing) {
    usage_error(request.dry_run ? "quantize --dry-run takes the model and the type: plimsoll quantize --dry-run IN TYPE"
                                : "quantize takes three arguments: plimsoll quantize IN OUT TYPE");
  }
  request.input = flags.arguments.front();
  if (flags.arguments.size() == 3) request.output = flags.arguments[1];
  const std::string& type = flags.arguments.back();
  request.only_copy = type == "COPY" || type == "copy";
  const auto known = quantize::file_type_from_string(type);
  if (!known && !request.only_copy)
    usage_error(fmt::format("unknown file type '{}'; there are {} and COPY", type, quantize::file_type_names()));
  request.type = known.value_or(LLAMA_FTYPE_ALL_F32);
}

quantize::Request request_of(QuantizeFlags flags) {
  read_arguments(flags);
  quantize::Request& request = flags.request;
  request.quantize_output_tensor = !flags.leave_output_tensor;
  if (!flags.output_tensor_type.empty())
    request.output_tensor_type = tensor_type(flags.output_tensor_type, "--output-tensor-type");
  if (!flags.token_embedding_type.empty())
    request.token_embedding_type = tensor_type(flags.token_embedding_type, "--token-embedding-type");
  for (const std::string& text : flags.tensor_types) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0)
      usage_error(fmt::format("--tensor-type '{}' is not of the form PATTERN=TYPE", text));
    request.tensor_types.push_back(
        {.pattern = text.substr(0, equals), .type = tensor_type(text.substr(equals + 1), "--tensor-type")});
  }
  std::istringstream layers(flags.prune_layers);
  for (std::string layer; std::getline(layers, layer, ',');)
    request.prune_layers.push_back(number_given("--prune-layers", layer));
  for (const std::string& text : flags.metadata) request.metadata.append_range(metadata(text));
  if (!flags.max_buffer.empty()) {
    const auto bytes = parse_bytes(flags.max_buffer);
    if (!bytes) usage_error("--max-buffer-size: " + bytes.error());
    request.max_buffer = *bytes;
  }
  return request;
}

void print_result(const quantize::Request& request, const quantize::Result& result, bool json) {
  if (json) {
    const Json out{{"schema", "plimsoll.quantize/1"},
                   {"dry_run", request.dry_run},
                   {"bytes_before", result.before.value()},
                   {"bytes_after", result.after.value()},
                   {"tensors", result.tensors},
                   {"fallbacks", result.fallbacks},
                   {"requires_imatrix", result.requires_imatrix},
                   {"files", result.files}};
    fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    const bool alike = format_bytes(result.before) == format_bytes(result.after);
    const auto size = [&](Bytes bytes) {  // what differs is not shown as the same
      return alike ? fmt::format("{} bytes", bytes.value()) : format_bytes(bytes);
    };
    fmt::print("{} tensors, {} before, {} {}\n", result.tensors, size(result.before), size(result.after),
               request.dry_run ? "expected" : "after");
    for (const std::string& file : result.files) fmt::print("{}\n", file);
  }
  if (result.fallbacks > 0) {
    fmt::print(stderr, "plimsoll: {} tensors have a shape that this type does not allow; they got another one\n",
               result.fallbacks);
  }
  if (result.requires_imatrix) fmt::print(stderr, "plimsoll: this type needs an importance matrix (--imatrix)\n");
}

int run(const GlobalOptions& global, const QuantizeFlags& flags) {
  const quantize::Request request = request_of(flags);
  Progress progress;
  quantize::Options options{.overwrite = flags.force, .stop = interrupts()};
  options.helper = {program_path(), "quantize-worker"};
  options.progress = [&](const quantize::Progress& at) {
    progress.show(fmt::format("{} of {}: {}", at.done, at.of, at.tensor),
                  static_cast<double>(at.done) / static_cast<double>(at.of));
  };
  const quantize::Result result = quantize::quantize(request, options);
  progress.done("quantized");
  print_result(request, result, global.json);
  return done;
}

}  // namespace

void add_quantize(CLI::App& app, GlobalOptions& global, int& status) {
  CLI::App* command = app.add_subcommand("quantize", "A model file into one of another type: quantize IN OUT TYPE");
  auto flags = std::make_shared<QuantizeFlags>();
  quantize::Request& request = flags->request;
  command->add_option("arguments", flags->arguments, "IN OUT TYPE, like Q4_K_M; COPY changes no tensor")
      ->required()
      ->take_all();
  command->add_option("-t,--threads", request.n_threads, "CPU threads")->envname("PLIMSOLL_THREADS");
  command->add_flag("--dry-run", request.dry_run, "Only say how large it would be: quantize --dry-run IN TYPE");
  command->add_flag("--force", flags->force, "Replace a file that is there already");
  command->add_flag("--allow-requantize", request.allow_requantize, "Also from a type that has lost something already");
  command->add_flag("--leave-output-tensor", flags->leave_output_tensor, "Leave output.weight as it is");
  command->add_flag("--pure", request.pure, "Every tensor of one type, no mixture");
  command->add_flag("--keep-split", request.keep_split, "As many files as the input has");
  command->add_option("--imatrix", request.imatrix, "Importance matrix (GGUF)");
  command->add_option("--output-tensor-type", flags->output_tensor_type, "Type of output.weight");
  command->add_option("--token-embedding-type", flags->token_embedding_type, "Type of token_embd.weight");
  command->add_option("--tensor-type", flags->tensor_types, "PATTERN=TYPE for matching tensors; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--prune-layers", flags->prune_layers, "Layers to leave out, like 3,4");
  command->add_option("--override-kv", flags->metadata, "KEY=TYPE:VALUE in the new file's metadata; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--max-buffer-size", flags->max_buffer, "Rows of one tensor kept in memory at once, like 512MiB");
  add_json(*command, global);
  command->callback([&global, &status, flags] { status = run(global, *flags); });
}

void add_quantize_worker(CLI::App& app, GlobalOptions&, int& status) {
  CLI::App* command = app.add_subcommand("quantize-worker", "Quantizes as a JSON line on stdin says")->group("");
  command->callback([&status] { status = quantize::serve(STDIN_FILENO, STDOUT_FILENO); });
}

}  // namespace plimsoll::app
