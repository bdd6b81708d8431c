// quantize: a model file into one of another type, in a child process: a file that makes the engine give up costs the
// child, the engine's quantiser can be stopped only by ending its process, and what it leaves half written never
// appears under the name that was asked for.
#pragma once
#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <plimsoll/base/bytes.hpp>
#include <plimsoll/engine/params.hpp>

namespace plimsoll::quantize {

struct FileType {
  std::string_view name;  // "Q4_K_M", as llama.cpp's tools spell it
  llama_ftype type;
};
// Every type the engine can write, smallest first; aliases ("Q4_K") are not among them.
[[nodiscard]] std::span<const FileType> file_types();
// The whole name, in either case, or an alias. Empty where there is none of that name.
[[nodiscard]] std::optional<llama_ftype> file_type_from_string(std::string_view name);
[[nodiscard]] std::string file_type_names();  // "Q1_0, Q2_0, ...", for messages
[[nodiscard]] std::optional<ggml_type> tensor_type_from_string(std::string_view name);  // "q8_0", in either case

// Tensors whose name matches the regular expression become this type: {"attn_q", GGML_TYPE_Q8_0}.
struct TensorTypeOverride {
  std::string pattern;
  ggml_type type = GGML_TYPE_Q8_0;
};

using engine::MetadataOverride;  // of the new file

struct Request {
  std::string input;   // a GGUF file, or the first file of a split model
  std::string output;  // with keep_split the beginning of the new files' names; ".gguf" at its end is left out then
  llama_ftype type = LLAMA_FTYPE_MOSTLY_Q8_0;
  std::int32_t n_threads = 0;          // 0: as many as the machine has
  bool only_copy = false;              // change no tensor: `type` is not looked at
  bool allow_requantize = false;       // also from types that have lost something already: the result is worse
  bool quantize_output_tensor = true;  // false: output.weight stays what it is
  bool pure = false;                   // every tensor the same type, instead of the engine's mixture
  bool keep_split = false;             // as many files as the input has
  bool dry_run = false;                // only say how large it would be; `output` is not looked at
  std::optional<ggml_type> output_tensor_type{};
  std::optional<ggml_type> token_embedding_type{};
  std::vector<TensorTypeOverride> tensor_types{};  // the first that matches counts
  std::string imatrix{};                           // importance matrix, GGUF as llama-imatrix writes it; empty: none
  std::vector<std::int32_t> prune_layers{};        // layers to leave out
  std::vector<MetadataOverride> metadata{};
  Bytes max_buffer{};  // rows of one tensor kept in memory at once; 0: the engine's own choice, 8 GiB
};

struct Progress {
  std::size_t done = 0;  // tensors
  std::size_t of = 0;
  std::string tensor;  // the one that was finished last
};

struct Options {
  bool overwrite = false;  // replace a file that is there already; never the input
  std::function<void(const Progress&)> progress{};
  std::stop_token stop{};  // ends the child at once
  // A program that calls serve(). Needed where this process has threads or has started the backends;
  // otherwise the child is a plain fork.
  std::vector<std::string> helper{};
};

struct Result {
  Bytes before;  // tensor data
  Bytes after;
  std::size_t tensors = 0;
  std::size_t fallbacks = 0;         // tensors whose shape does not allow the type they were meant for
  bool requires_imatrix = false;     // after a dry run: the real one will refuse to go without
  std::vector<std::string> files{};  // those written
};

// Blocks until it is done. Whatever it throws, nothing is left behind and a file that was there is untouched. Throws
// Error: usage (a file that exists, the input itself, no regular expression, a type the engine wants an importance
// matrix for), model_unusable, io (disk full, no permission), cancelled, unsupported (a helper is needed and none
// named).
[[nodiscard]] Result quantize(const Request& request, const Options& options = {});

// What the child does: one request as a JSON line from `in`, lines of progress and one result to `out`. Sends the
// engine's log to `out` as progress for good: call it in a process that does nothing else. Returns an exit status.
int serve(int in, int out);

}  // namespace plimsoll::quantize
