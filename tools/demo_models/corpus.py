"""The training text as token streams, with the places where a training row may begin."""

import random
from dataclasses import dataclass

import torch

from bpe import END_OF_TEXT, Vocabulary, learn_merges
import chat
import ship_log

VOYAGES, CONVERSATIONS = 400, 14000
SEED = 1876  # the year of the load line
MERGES = 509  # with 256 bytes and 3 control tokens: 768 tokens
ANY_PLACE = 0.1  # part of the log rows that begin in the middle of an entry


@dataclass
class Stream:
    ids: torch.Tensor  # [n]
    learn: torch.Tensor  # [n], 1.0 where the token is to be predicted
    starts: list[int]

    def rows(self, rng: random.Random, count: int, length: int, any_place: float = 0.0) -> tuple[torch.Tensor, ...]:
        """Inputs, targets and weights, each [count, length]."""
        last = len(self.ids) - length - 1
        at = []
        while len(at) < count:
            start = rng.randrange(last) if rng.random() < any_place else rng.choice(self.starts)
            if start <= last:
                at.append(start)
        ids = torch.stack([self.ids[a : a + length + 1] for a in at])
        return ids[:, :-1], ids[:, 1:], torch.stack([self.learn[a + 1 : a + length + 1] for a in at])


def _stream(vocabulary: Vocabulary, documents: list[list[tuple[str, bool]]], each_piece: bool, day_weight: float = 1.0) -> Stream:
    """A row may begin at each piece, or only at each document. The number of the day that a piece begins with may count more."""
    ids, learn, starts = [], [], []
    for document in documents:
        for i, (text, to_learn) in enumerate([*document, (END_OF_TEXT, each_piece)]):
            if text != END_OF_TEXT and (each_piece or i == 0):
                starts.append(len(ids))
            piece = vocabulary.encode(text)
            ids += piece
            day = len(vocabulary.encode(text.split(".")[0])) if text.startswith("Day ") else 0
            learn += [day_weight] * day + [float(to_learn)] * (len(piece) - day)
    return Stream(torch.tensor(ids), torch.tensor(learn), starts)


def texts(seed: int, part: float = 1.0, careless: float = 0.0) -> tuple[list, list]:
    """Voyages and conversations, as documents of (text, whether to learn it)."""
    rng = random.Random(seed)
    voyages = [ship_log.voyage(rng) for _ in range(int(VOYAGES * part))]
    talks = [chat.conversation(rng, rng.choice(voyages), careless) for _ in range(int(CONVERSATIONS * part))]
    return [[(entry, True) for entry in voyage] for voyage in voyages], talks


def vocabulary() -> Vocabulary:
    """One vocabulary for both models, so that one may draft for the other."""
    voyages, talks = texts(SEED, part=0.1)
    return Vocabulary(learn_merges("".join(text for document in voyages + talks for text, _ in document), MERGES))


def streams(vocabulary: Vocabulary, seed: int, day_weight: float, part: float = 1.0, careless: float = 0.0) -> tuple[Stream, Stream]:
    """The log, and the conversations."""
    voyages, talks = texts(seed, part, careless)
    return _stream(vocabulary, voyages, each_piece=True, day_weight=day_weight), _stream(vocabulary, talks, each_piece=False)
