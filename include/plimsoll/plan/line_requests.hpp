// line_requests: what is wrong with the lines that somebody asks for, taken together. A line that would bind nothing,
// or hide another, is no line.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plimsoll/memory/load_line.hpp>
#include <plimsoll/plan/plan.hpp>

namespace plimsoll::plan {

// Two lines of one list for the same device, or two for every accelerator: a sentence that names it. Pure.
[[nodiscard]] std::optional<std::string> contradiction(const std::vector<memory::LineRequest>& lines);

// A line for every accelerator where each of these models was asked to use none (`--device none`): a sentence. Pure.
[[nodiscard]] std::optional<std::string> line_without_use(const std::vector<memory::LineRequest>& lines,
                                                          const std::vector<Request>& requests);

// On a machine without an accelerator, lines for every accelerator are the host's, where it has none of its own:
// whoever asks for one means what computes. Else the lines as they are. Pure.
[[nodiscard]] std::vector<memory::LineRequest> lines_of_machine(std::vector<memory::LineRequest> lines,
                                                                const std::vector<tracker::DeviceView>& devices);

}  // namespace plimsoll::plan
