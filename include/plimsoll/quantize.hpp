// quantize_file: a model file into one of another type.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include <plimsoll/base/bytes.hpp>

namespace plimsoll {

struct QuantizeOptions {
  std::int32_t n_threads = 0;     // 0: as many as the machine has
  bool allow_requantize = false;  // also from types that have lost something already: the result is worse
  bool pure = false;              // every tensor the same type, instead of the engine's mixture
  std::filesystem::path imatrix{};
  bool dry_run = false;  // only say how large it would be
  // The program that does the work: `plimsoll`, by default the one in PATH. Not needed where this process has one
  // thread and no Runtime: the child is a fork then.
  std::filesystem::path program = "plimsoll";
  bool overwrite = false;  // replace a file that is there already; never the input
  std::function<void(std::size_t done, std::size_t of)> progress{};  // tensors
  std::stop_token stop{};
};

struct Quantized {
  Bytes before;  // tensor data
  Bytes after;
  std::size_t tensors = 0;
  std::vector<std::filesystem::path> files{};  // those written
};

// `type`: "Q4_K_M", as llama.cpp's tools spell it. The work is done in a child process: a file that makes the engine
// give up costs the child, and what it leaves half written never appears under the name that was asked for. Throws
// Error: usage, model_unusable, io, cancelled, unsupported.
Quantized quantize_file(const std::filesystem::path& input, const std::filesystem::path& output,
                        const std::string& type, const QuantizeOptions& options = {});

}  // namespace plimsoll
