// gbnf_repetitions: whether the engine would take a grammar's repetitions, told before it is asked.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::grammar {

// The engine makes a rule of each turn of a repetition, and refuses one that comes to more than 2000 with what it
// repeats; it says neither where nor why, and takes counts above that for none. Together they may come to kMostTurns.
// Empty: it would take all of them; else what is too much, with its line and column. The engine refuses what
// is not a grammar.
[[nodiscard]] std::string excess_of_repetitions(std::string_view gbnf);

inline constexpr unsigned kMostTurns = 100000;

}  // namespace plimsoll::grammar
