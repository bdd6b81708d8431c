"""A byte-level BPE vocabulary in the form of GPT-2, which llama.cpp calls model "gpt2" with pre-tokenizer "gpt-2"."""

import re
from collections import Counter

# GPT-2's rule. Python's \w and \d stand for \p{L} and \p{N}: the same cuts for the ASCII text that these models learn.
_WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")

END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL = [END_OF_TEXT, TURN_START, TURN_END]
_CONTROL_CUT = re.compile("(" + "|".join(re.escape(c) for c in CONTROL) + ")")


def _byte_letters() -> list[str]:
    """The printable letter that stands for each byte in the vocabulary's file form."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, spare = {b: chr(b) for b in printable}, 256
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(spare)
            spare += 1
    return [letters[b] for b in range(256)]


LETTERS = _byte_letters()


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out, i = [], 0
    while i < len(word):
        if word[i : i + 2] == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def learn_merges(text: str, count: int) -> list[tuple[str, str]]:
    """The `count` most frequent pairs, one after the other; ties go to the alphabetically first."""
    parts = [part for part in _CONTROL_CUT.split(text) if part not in CONTROL]
    spelled = Counter(tuple(LETTERS[b] for b in word.encode()) for part in parts for word in _WORDS.findall(part))
    merges = []
    for _ in range(count):
        pairs: Counter = Counter()
        for word, times in spelled.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            raise ValueError(f"the text yields only {len(merges)} merges, {count} were asked for")
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        spelled = Counter({_merged(w, best) if best[0] in w else w: n for w, n in spelled.items()})
    return merges


class Vocabulary:
    """Ids: the 256 bytes, then one per merge, then the control tokens."""

    def __init__(self, merges: list[tuple[str, str]]):
        self.merges = merges
        self.tokens = LETTERS + [a + b for a, b in merges] + CONTROL
        self.id = {token: i for i, token in enumerate(self.tokens)}
        self._rank = {pair: i for i, pair in enumerate(merges)}
        self._known: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Control tokens in the text become their ids."""
        ids = []
        for part in _CONTROL_CUT.split(text):
            if part in CONTROL:
                ids.append(self.id[part])
            else:
                for word in _WORDS.findall(part):
                    ids += self._word(word)
        return ids

    def decode(self, ids: list[int]) -> str:
        byte = {letter: b for b, letter in enumerate(LETTERS)}
        raw = b"".join(t.encode() if t in CONTROL else bytes(byte[c] for c in t) for t in (self.tokens[i] for i in ids))
        return raw.decode(errors="replace")

    def _word(self, word: str) -> list[int]:
        if word not in self._known:
            parts = tuple(LETTERS[b] for b in word.encode())
            while pairs := [p for p in zip(parts, parts[1:]) if p in self._rank]:
                parts = _merged(parts, min(pairs, key=self._rank.__getitem__))
            self._known[word] = [self.id[p] for p in parts]
        return self._known[word]
