// Imatrix: how much each column of a weight matters, as llama-imatrix measured it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::quantize {

struct Imatrix {
  std::map<std::string, std::vector<float>> values;  // by tensor; one number for each column of each of its matrices
  std::vector<std::string> datasets;
  std::uint32_t chunks = 0;
};

// Reads a GGUF importance matrix: mean of the squared activations, 1 where a matrix (an expert) was never used. Let a
// child do it: ggml parses the file. Throws Error{usage}: missing, not a GGUF, of another kind, of the old format.
[[nodiscard]] Imatrix read_imatrix(const std::string& path);

}  // namespace plimsoll::quantize
